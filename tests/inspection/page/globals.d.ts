// The packages of others that stand in the page before its own modules.
declare const htmPreact: any;
declare const uPlot: any;
