// To take with one: the graph as SVG or PNG, the recording as JSON; and a recording brought here.

/** @typedef {import("./store.js").Store} Store */

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** @param {any} picture @param {string} name */
export function saveSvg(picture, name) { download(new Blob([picture.asSvg()], { type: "image/svg+xml" }), `${name}.svg`); }

/** @param {any} picture @param {string} name */
export async function savePng(picture, name) {
  const text = picture.asSvg();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  // A canvas of every browser is so long, and has so many pixels without one waiting for its file.
  const longest = 8000, most = 16e6;
  const scale = Math.min(2, longest / image.width, longest / image.height, Math.sqrt(most / (image.width * image.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ground");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => { if (blob) download(blob, `${name}.png`); });
}

/** The recording as graphs inspect --json writes it. @param {any} file @param {string} name */
export function saveJson(file, name) { download(new Blob([`${JSON.stringify(file)}\n`], { type: "application/json" }), `${name}.json`); }

/** @param {(text: string, name: string) => void} open @param {(problem: string) => void} refuse */
export function takeDrops(open, refuse) {
  const most = 2 ** 25;
  const take = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    if (file.size > most) return refuse(`${file.name} has ${file.size} bytes, more than the ${most} that are read`);
    open(await file.text(), file.name);
  };
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer?.files[0]); });
  return take;
}
