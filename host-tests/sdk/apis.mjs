// How each API is asked through its Node SDK, and what its answers and events say.

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

// Stands in all credentials, so that a test can find it wherever it gets to.
const KEY = "key-of-the-application";

// What `parse` asks for.
const SCHEMA = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
  additionalProperties: false,
};

/** The SDKs' clients, all of them talking to one address. */
export class Apis {
  constructor(address) {
    this.address = address;
    this.openai = new OpenAI({ baseURL: `${address}/v1`, apiKey: KEY });
    this.anthropic = new Anthropic({ baseURL: address, apiKey: KEY });
    const httpOptions = { baseUrl: address, apiVersion: "v1beta" };
    this.genai = new GoogleGenAI({ apiKey: KEY, httpOptions });
  }

  /** The SDK's answer or stream of events, and what reads one of them. */
  ask(told) {
    return this[[told.api, told.helper].filter(Boolean).join("_")](told);
  }

  /** OpenAI's client for a path in front of the API's own. */
  openaiFor({ base = "/v1" }) {
    return this.openai.withOptions({ baseURL: this.address + base });
  }

  async chat(told) {
    const answer = await this.openaiFor(told).chat.completions.create({
      model: "gpt-5",
      messages: user(told),
      stream: told.stream ?? false,
    });
    return { answer, read: told.stream ? ofChatEvent : ofChat };
  }

  async chat_stream(told) {
    const stream = this.openaiFor(told).chat.completions.stream({ model: "gpt-5", messages: user(told) });
    let said = "";
    stream.on("content", (delta) => (said += delta));
    return whole(await stream.finalChatCompletion(), said, ofChat);
  }

  async chat_parse(told) {
    const answer = await this.openaiFor(told).chat.completions.parse({
      model: "gpt-5",
      messages: user(told),
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: SCHEMA } },
    });
    const { parsed, refusal } = answer.choices[0].message;
    return { answer, read: () => ({ ...ofChat(answer), said: parsed?.answer ?? refusal }) };
  }

  async responses(told) {
    const answer = await this.openaiFor(told).responses.create({
      model: "gpt-5",
      input: user(told),
      stream: told.stream ?? false,
    });
    return { answer, read: told.stream ? ofResponsesEvent : ofResponse };
  }

  async responses_stream(told) {
    const stream = this.openaiFor(told).responses.stream({ model: "gpt-5", input: user(told) });
    let said = "";
    stream.on("response.output_text.delta", ({ delta }) => (said += delta));
    const response = await stream.finalResponse();
    return whole(response, said, (answer) => ({ ...ofResponse(answer), said: textOf(answer) }));
  }

  async responses_parse(told) {
    const answer = await this.openaiFor(told).responses.parse({
      model: "gpt-5",
      input: user(told),
      text: { format: { type: "json_schema", name: "answer", schema: SCHEMA } },
    });
    const said = answer.output_parsed?.answer ?? answer.output[0].content[0].refusal;
    return { answer, read: () => ({ ...ofResponse(answer), said }) };
  }

  async messages(told) {
    const answer = await this.anthropic.messages.create({
      model: "claude",
      max_tokens: 1024,
      messages: user(told),
      stream: told.stream ?? false,
    });
    return { answer, read: told.stream ? ofMessagesEvent : ofMessage };
  }

  async messages_stream(told) {
    const asked = { model: "claude", max_tokens: 1024, messages: user(told) };
    const stream = this.anthropic.messages.stream(asked);
    let said = "";
    stream.on("text", (delta) => (said += delta));
    return whole(await stream.finalMessage(), said, ofMessage);
  }

  async gemini(told) {
    const { models } = this.genai;
    const asked = { model: "gemini-2.5-flash", contents: told.prompt };
    const ask = told.stream ? models.generateContentStream : models.generateContent;
    return { answer: await ask.call(models, asked), read: ofGemini };
  }
}

function user(told) {
  return [{ role: "user", content: told.prompt }];
}

/** The answer that was gathered from events which said this. */
function whole(answer, said, read) {
  const gathered = read(answer).said;
  if (gathered !== said) {
    throw new Error(`the events said ${JSON.stringify(said)}, the whole ${gathered}`);
  }
  return { answer, read };
}

// Each of these returns what was said, how it ended in the provider's words, and which model said it.

function ofChat({ choices: [{ message, finish_reason }], model }) {
  return { said: message.content, finish: finish_reason, model };
}

function ofChatEvent({ choices: [choice], model }) {
  return { said: choice?.delta.content, finish: choice?.finish_reason, model };
}

function ofResponse({ output_text, status, model }) {
  return { said: output_text, finish: status, model };
}

function textOf({ output }) {
  const contents = output.flatMap((item) => item.content ?? []);
  return contents.map((content) => content.text ?? "").join("");
}

function ofResponsesEvent(event) {
  const ended = ["response.completed", "response.incomplete", "response.failed"];
  return {
    said: event.type === "response.output_text.delta" ? event.delta : "",
    finish: ended.includes(event.type) ? event.response.status : null,
    model: event.response?.model,
  };
}

function ofMessage({ content, stop_reason, model }) {
  return { said: content.map((block) => block.text ?? "").join(""), finish: stop_reason, model };
}

function ofMessagesEvent(event) {
  const said = event.type === "content_block_delta" ? event.delta.text : "";
  return { said, finish: event.delta?.stop_reason, model: event.message?.model };
}

function ofGemini(answer) {
  const [candidate] = answer.candidates ?? [];
  const said = candidate?.content?.parts?.map((part) => part.text ?? "").join("");
  return { said, finish: candidate?.finishReason, model: answer.modelVersion };
}
