// Calls LLMs through their official Node SDKs, as it is told: in the words of driver.py, of which it
// knows no `leave_after`, and no API but "chat", "responses", "messages" and "gemini".
//
//     node driver.mjs http://127.0.0.1:10000

import { createInterface } from "node:readline";

import { Apis } from "./apis.mjs";

/** Makes one call and reads its answer to the end. */
async function call(apis, told) {
  const began = performance.now();
  const result = { raised: null, events: 0, text: "", finish: [], model: null };
  try {
    const { answer, read } = await apis.ask(told);
    if (told.stream) {
      for await (const event of answer) {
        result.events += 1;
        note(read(event), result);
      }
    } else {
      note(read(answer), result);
    }
  } catch (error) {
    result.raised = describe(error);
  }
  result.finish = [...new Set(result.finish)].sort();
  result.seconds = (performance.now() - began) / 1000;
  return result;
}

function note({ said, finish, model }, result) {
  result.text += said ?? "";
  result.model = model ?? result.model;
  if (finish) {
    result.finish.push(finish);
  }
}

function describe(error) {
  return {
    type: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
    message: error.message,
    // Google's SDK keeps no headers.
    retry_after: error.headers?.get("retry-after") ?? null,
  };
}

const apis = new Apis(process.argv[2]);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const results = await Promise.all(JSON.parse(line).map((told) => call(apis, told)));
  console.log(JSON.stringify(results));
}
