// What kind of work an Op does, read off its class: each kind has a sign and a colour.

/** @typedef {{name: string, sign: string, colour: number}} Kind */

/** @type {Record<string, Kind>} */
export const KINDS = {
  product: { name: "matrix product", sign: "⊗", colour: 1 },
  elementwise: { name: "elementwise", sign: "ƒ", colour: 2 },
  fused: { name: "fused elementwise", sign: "ƒƒ", colour: 3 },
  reduction: { name: "reduction", sign: "Σ", colour: 4 },
  shape: { name: "shapes and views", sign: "⇄", colour: 5 },
  indexing: { name: "indexing", sign: "[ ]", colour: 6 },
  graph: { name: "a graph inside", sign: "⟳", colour: 7 },
  other: { name: "other", sign: "·", colour: 0 },
};
const PRODUCTS = /^(Dot|Dot22|Dot22Scalar|BatchedDot|C?Gemv|Gemm|C?Ger|Outer|MatMul)$/;
const SHAPES = /^(DimShuffle|Reshape|Shape|Shape_i|MakeVector|Alloc|AllocEmpty|SpecifyShape|Unbroadcast|TensorFromScalar|ScalarFromTensor|Assert|CheckAndRaise|CheckParameterValue|DeepCopyOp|ViewOp|Join|Split|JoinDims|SplitDims|Eye|ARange|BroadcastTo)$/;
const SHAPE_SCALARS = /\.(Second|Cast|Identity)$/;

/** @param {any} op @returns {keyof typeof KINDS} */
export function kindOf(op) {
  const name = op.kind.slice(op.kind.lastIndexOf(".") + 1);
  if (PRODUCTS.test(name) || (name === "Blockwise" && /\.Dot$/.test(op.scalar))) return "product";
  if (SHAPES.test(name)) return "shape";
  if (/Subtensor/.test(name)) return "indexing";
  if (name === "Elemwise" || op.kind.startsWith("pytensor.scalar.")) {
    if (op.inner) return "fused";
    return SHAPE_SCALARS.test(op.scalar) ? "shape" : "elementwise";
  }
  if (/Elemwise$/.test(name)) return "fused";
  if (/^(Sum|Prod|Max|Min|All|Any|Mean|CAReduce|Argmax|MaxAndArgmax)$/.test(name)) return "reduction";
  if (op.inner) return "graph";
  return "other";
}
