// dagre's layout of each graph on the standard input, for measured_layout.py.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "x.js"));
const dagre = require("@dagrejs/dagre");
const { graphs, width, height } = JSON.parse(readFileSync(0, "utf8"));
const found = graphs.map(({ nodes, edges }) => {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ nodesep: 18, edgesep: 10, ranksep: 28 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node, { width, height });
  for (const [from, to, name] of edges) graph.setEdge(from, to, {}, String(name));
  dagre.layout(graph);
  return {
    width: graph.graph().width, height: graph.graph().height,
    edges: edges.map(([from, to, name]) => graph.edge(from, to, String(name)).points.map(({ x, y }) => [x, y])),
  };
});
process.stdout.write(JSON.stringify(found));
