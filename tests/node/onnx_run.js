// Runs ONNX files in ONNX Runtime, on one thread of a CPU, so the same inputs give the same bits.
//
//   node onnx_run.js ONNXRUNTIME < jobs.json > results.json
//
// ONNXRUNTIME is a folder that holds node_modules/onnxruntime-node (script/fetch_onnxruntime).
// jobs:    [{"model": FILE, "runs": [{"inputs": [A.npy, …], "outputs": PREFIX}]}]
// results: [{"inputs": [names], "outputs": [names]} or {"error": text}]; the results of a run are
//          PREFIX_0.npy and so on. Inputs and outputs are in the order of the file.
'use strict';
const fs = require('fs');
const path = require('path');

const {readNpy, writeNpy} = require('../../tools/peers/npy.js');

const ort = require(path.join(path.resolve(process.argv[2]), 'node_modules', 'onnxruntime-node'));

async function runJob(job) {
  const options = {intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
                   logSeverityLevel: 3};
  const session = await ort.InferenceSession.create(job.model, options);
  for (const run of job.runs) {
    if (run.inputs.length !== session.inputNames.length) {
      throw Error(`${job.model} has the inputs ${session.inputNames}, ${run.inputs.length} given`);
    }
    const feeds = {};
    session.inputNames.forEach((name, i) => { feeds[name] = readNpy(ort, run.inputs[i]); });
    const results = await session.run(feeds);
    session.outputNames.forEach((name, i) => writeNpy(`${run.outputs}_${i}.npy`, results[name]));
  }
  const names = {inputs: session.inputNames, outputs: session.outputNames};
  await session.release();
  return names;
}

async function main() {
  const results = [];
  for (const job of JSON.parse(fs.readFileSync(0, 'utf8'))) {
    try {
      results.push(await runJob(job));
    } catch (error) {
      results.push({error: String(error.message || error)});
    }
  }
  process.stdout.write(JSON.stringify(results) + '\n');
}

main();
