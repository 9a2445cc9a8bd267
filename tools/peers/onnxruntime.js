// ONNX Runtime's side of `rung bench`: runs a network when it is asked to (src/rung/cli/peer.h says
// how), on the CPU, with every optimisation and as many threads as it is told.
//
//   node onnxruntime.js MODEL.onnx THREADS INPUT.npy …
//
// It is looked for where script/fetch_onnxruntime puts it, and in RUNG_ONNXRUNTIME.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');
const {readNpy, writeNpy} = require('./npy.js');

const say = answer => process.stdout.write(JSON.stringify(answer) + '\n');

function packageFolder() {
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'rung');
  const fetched = fs.existsSync(cache) ?
    fs.readdirSync(cache).filter(name => name.startsWith('onnxruntime-')).sort() : [];
  const places = process.env.RUNG_ONNXRUNTIME ?
    [process.env.RUNG_ONNXRUNTIME] : fetched.reverse().map(name => path.join(cache, name));
  const inside = place => path.join(path.resolve(place), 'node_modules', 'onnxruntime-node');
  const found = places.map(inside).find(place => fs.existsSync(path.join(place, 'package.json')));
  if (!found) throw Error('ONNX Runtime is not installed: script/fetch_onnxruntime fetches it');
  return found;
}

const milliseconds = since => Number(process.hrtime.bigint() - since) / 1e6;

class Network {
  constructor(ort, binding, file, threads) {
    const start = process.hrtime.bigint();
    binding.initOrt();
    // The native session: session.run of the package would add a turn of JavaScript's event loop.
    this.session = new binding.binding.InferenceSession();
    this.session.loadModel(file, {
      graphOptimizationLevel: 'all', intraOpNumThreads: threads, interOpNumThreads: 1,
      executionMode: 'sequential', logSeverityLevel: 3});
    this.ms = milliseconds(start);
    this.names = this.session.inputMetadata.map(value => value.name);
    this.outputs = this.session.outputMetadata.map(value => value.name);
  }

  give(tensors) {
    if (tensors.length !== this.names.length) {
      throw Error(`the file has the inputs ${this.names}, and ${tensors.length} are given`);
    }
    this.feeds = Object.fromEntries(this.names.map((name, i) => [name, tensors[i]]));
    this.fetches = Object.fromEntries(this.outputs.map(name => [name, null]));
  }

  run(count) {
    const ms = [];
    for (let i = 0; i < count; ++i) {
      const start = process.hrtime.bigint();
      this.results = this.session.run(this.feeds, this.fetches, {});
      ms.push(milliseconds(start));
      this.fetches = this.results;  // the next run writes into these, as rung's does
    }
    return ms;
  }
}

function main() {
  const [file, threads, ...inputs] = process.argv.slice(2);
  const folder = packageFolder();
  const ort = require(folder);
  const binding = require(path.join(folder, 'dist', 'binding.js'));
  const version = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).version;
  let network = null;
  const answer = line => {
    const [verb, argument] = line.split(/ (.*)/);
    if (verb === 'load') {
      network = new Network(ort, binding, file, Number(threads));
      network.give(inputs.map(input => readNpy(ort, input)));
      return {ms: network.ms};
    }
    if (verb === 'run') return {ms: network.run(Number(argument))};
    if (verb === 'output') {
      network.outputs.forEach((name, i) => writeNpy(`${argument}_${i}.npy`, network.results[name]));
      return {outputs: network.outputs.length};
    }
    throw Error(`what is '${line}'?`);
  };
  readline.createInterface({input: process.stdin}).on('line', line => {
    try {
      say(answer(line));
    } catch (error) {
      say({error: String(error.message || error)});
    }
  });
  say({name: `onnxruntime-node ${version}`});
}

try {
  main();
} catch (error) {
  say({error: String(error.message || error)});
}
