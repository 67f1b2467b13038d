"""How each API is asked through its SDK, and what its answers and events say."""

from functools import cached_property

import anthropic
import openai
from google import genai

import bedrock
import framework
import published

# Stands in all credentials, so that a test can find it wherever it gets to.
KEY = "key-of-the-application"


class Apis:
    """The SDKs' clients, all of them talking to one address."""

    def __init__(self, address):
        self.address = address
        self.openai = openai.OpenAI(base_url=f"{address}/v1", api_key=KEY)
        self.anthropic = anthropic.Anthropic(base_url=address, api_key=KEY)
        self.genai = genai.Client(api_key=KEY, http_options={"base_url": address, "api_version": "v1beta"})

    def ask(self, told):
        """The SDK's answer or stream of events, and what reads one of them."""
        return getattr(self, told["api"])(told)

    def chat(self, told):
        create = self.openai_for(told).chat.completions.create
        return create(model="gpt-5", messages=user(told), **common(told)), of_chat

    def completions(self, told):
        create = self.openai_for(told).completions.create
        return create(model="gpt-5", prompt=told["prompt"], **common(told)), of_completion

    def responses(self, told):
        create = self.openai_for(told).responses.create
        read = of_responses_event if told.get("stream") else of_response
        return create(model="gpt-5", input=user(told), **common(told)), read

    def messages(self, told):
        create = self.anthropic.with_options(**retries(told)).messages.create
        read = of_messages_event if told.get("stream") else of_message
        answer = create(model="claude", max_tokens=1024, messages=user(told), **common(told))
        return answer, read

    def gemini(self, told):
        # It tries nothing again unless it is told to.
        models = self.genai.models
        ask = models.generate_content_stream if told.get("stream") else models.generate_content
        options = told.get("options", {})
        return ask(model="gemini-2.5-flash", contents=told["prompt"], **options), of_gemini

    def converse(self, told):
        return bedrock.converse(self._bedrock, told)

    def langchain(self, told):
        return framework.ask(self.langchain_model, told)

    def published(self, told):
        published.check(told["type"], told["document"])
        return None, lambda _: ("", set())

    # These two take longer to load than all others together, and few tests ask them.

    @cached_property
    def _bedrock(self):
        return bedrock.client(self.address, KEY)

    @cached_property
    def langchain_model(self):
        return framework.chat_model(f"{self.address}/v1", KEY)

    def openai_for(self, told):
        base = told.get("base", "/v1")
        return self.openai.with_options(base_url=self.address + base, **retries(told))


def user(told):
    return [{"role": "user", "content": told["prompt"]}]


def retries(told):
    return {"max_retries": told["retries"]} if "retries" in told else {}


def common(told):
    return {"stream": told.get("stream", False), **told.get("options", {})}


# Each of these returns what was said and how it ended, in the provider's words.


def of_chat(answer):
    said = [getattr(choice, "delta", None) or choice.message for choice in answer.choices]
    return "".join(one.content or "" for one in said), finishes(answer.choices)


def of_completion(answer):
    return "".join(choice.text for choice in answer.choices), finishes(answer.choices)


def finishes(choices):
    return {choice.finish_reason for choice in choices if choice.finish_reason}


def of_response(answer):
    return answer.output_text, {answer.status}


def of_responses_event(event):
    said = event.delta if event.type == "response.output_text.delta" else ""
    ended = event.type in {"response.completed", "response.incomplete", "response.failed"}
    return said, {event.response.status} if ended else set()


def of_message(answer):
    said = [block.text for block in answer.content if block.type == "text"]
    return "".join(said), {answer.stop_reason}


def of_messages_event(event):
    said = ""
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        said = event.delta.text
    stop_reason = event.delta.stop_reason if event.type == "message_delta" else None
    return said, {stop_reason} if stop_reason else set()


def of_gemini(answer):
    said, finishes = "", set()
    for candidate in answer.candidates or []:
        parts = (candidate.content and candidate.content.parts) or []
        said += "".join(part.text for part in parts if part.text and not part.thought)
        if candidate.finish_reason:
            finishes.add(candidate.finish_reason.value)
    if answer.prompt_feedback and answer.prompt_feedback.block_reason:
        finishes.add(answer.prompt_feedback.block_reason.value)
    return said, finishes
