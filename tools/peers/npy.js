// NumPy's .npy files as tensors of ONNX Runtime, and back.
'use strict';
const fs = require('fs');

// NumPy's names of types: ONNX Runtime's name and JavaScript's array.
const TYPES = {
  '<f4': ['float32', Float32Array],
  '<f8': ['float64', Float64Array],
  '<f2': ['float16', Uint16Array],
  '<i8': ['int64', BigInt64Array],
  '<i4': ['int32', Int32Array],
  '|u1': ['uint8', Uint8Array],
  '|i1': ['int8', Int8Array],
  '|b1': ['bool', Uint8Array],
};

function readNpy(ort, file) {
  const bytes = fs.readFileSync(file);
  const length = bytes.readUInt16LE(8);  // version 1
  const header = bytes.toString('latin1', 10, 10 + length);
  const descr = /'descr': *'([^']*)'/.exec(header)[1];
  if (!TYPES[descr] || !/'fortran_order': *False/.test(header)) throw Error(`${file}: ${header}`);
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(',').map(s => s.trim());
  const [type, List] = TYPES[descr];
  const copy = new Uint8Array(bytes.subarray(10 + length)).buffer;  // at a multiple of 8 bytes
  return new ort.Tensor(type, new List(copy), shape.filter(s => s !== '').map(Number));
}

function writeNpy(file, tensor) {
  const descr = Object.keys(TYPES).find(key => TYPES[key][0] === tensor.type);
  if (!descr) throw Error(`${file}: results of type ${tensor.type}`);
  const shape = tensor.dims.map(n => `${n},`).join(' ');
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  header += ' '.repeat(63 - (10 + header.length) % 64) + '\n';
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00' + header, 'latin1');
  start.writeUInt16LE(header.length, 8);
  const data = tensor.data;
  fs.writeFileSync(file, Buffer.concat(
    [start, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}

module.exports = {readNpy, writeNpy};
