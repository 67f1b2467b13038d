"""Hands answers to the official SDKs, over no network, and says what they make of them.

Each line of stdin is a call and its answer:

    api      "chat", "completions", "responses" (OpenAI), "messages" (Anthropic), "gemini",
             "converse" (Bedrock)
    stream   whether the SDK asks for a stream
    status   the answer's
    headers  the answer's, an object
    body     the answer's, in base64

Each line of stdout is what came of the one before:

    raised    null, or the type, status, message and code of the SDK's exception
    text      what was said to the user
    refusal   what was said in place of it, null if nothing was
    finish    how it ended in the provider's words
    model     which model said it
    requests  how often the SDK sent the request
    faults    where the answer differs from what the SDK's types say, strictly read
"""

import base64
import json
import sys
from functools import cache

import anthropic
import botocore.session
import httpx2
import openai
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from botocore.validate import ParamValidator
from google import genai
from google.genai import types as gemini_types
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.shared import ErrorObject
from pydantic import BaseModel, TypeAdapter

# What no server here looks at.
KEY = "none"
USER = [{"role": "user", "content": "Hello"}]
AWS_SEND = "before-send.bedrock-runtime.*"


class Upstream:
    """Gives every request the same answer, and counts them."""

    def __init__(self, told):
        self.status, self.headers = told["status"], told["headers"]
        self.body = base64.b64decode(told["body"])
        self.requests = 0

    def client(self):
        return httpx2.Client(transport=httpx2.MockTransport(self.answer))

    def answer(self, _request):
        self.requests += 1
        return httpx2.Response(self.status, headers=self.headers, content=self.body)

    def answer_aws(self, request, **_):
        self.requests += 1
        return AWSResponse(request.url, self.status, self.headers, Raw(self.body))


class Raw:
    """A body as botocore reads it: whole, or as a stream."""

    def __init__(self, body):
        self.body = body

    def stream(self, *_, **__):
        yield self.body

    def close(self):
        pass


def openai_client(upstream):
    return openai.OpenAI(api_key=KEY, base_url="http://none/v1", http_client=upstream.client())


def chat(upstream, stream):
    create = openai_client(upstream).chat.completions
    if stream:
        # The helper that puts the chunks together again.
        with create.stream(model="gpt-5", messages=USER) as events:
            answer = events.get_final_completion()
    else:
        answer = create.create(model="gpt-5", messages=USER)
    (choice,) = answer.choices
    message = choice.message
    return message.content, message.refusal, choice.finish_reason, answer.model


def completions(upstream, stream):
    answer = openai_client(upstream).completions.create(model="gpt-5", prompt="Hello", stream=stream)
    answers = list(answer) if stream else [answer]
    text = "".join(one.choices[0].text for one in answers)
    return text, None, answers[-1].choices[0].finish_reason, answers[0].model


def responses(upstream, stream):
    client = openai_client(upstream).responses
    if stream:
        with client.stream(model="gpt-5", input=USER) as events:
            answer = events.get_final_response()
    else:
        answer = client.create(model="gpt-5", input=USER)
    (item,) = answer.output
    refusal = getattr(item.content[0], "refusal", None)
    return answer.output_text, refusal, answer.status, answer.model


def messages(upstream, stream):
    client = anthropic.Anthropic(api_key=KEY, base_url="http://none", http_client=upstream.client())
    ask = {"model": "claude", "max_tokens": 1024, "messages": USER}
    if stream:
        with client.messages.stream(**ask) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(**ask)
    return "".join(block.text for block in answer.content), None, answer.stop_reason, answer.model


def gemini(upstream, stream):
    options = {"base_url": "http://none", "httpx_client": upstream.client()}
    models = genai.Client(api_key=KEY, http_options=options).models
    ask = {"model": "gemini-2.5-flash", "contents": "Hello"}
    answers = list(models.generate_content_stream(**ask)) if stream else [models.generate_content(**ask)]
    text = "".join(answer.text for answer in answers)
    last = answers[-1]
    return text, None, last.candidates[0].finish_reason.value, last.model_version


def converse(upstream, stream):
    client = bedrock()
    client.meta.events.register(AWS_SEND, upstream.answer_aws)
    try:
        return conversed(client, stream)
    finally:
        client.meta.events.unregister(AWS_SEND, upstream.answer_aws)


def conversed(client, stream):
    ask = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    if not stream:
        answer = client.converse(**ask)
        text = "".join(block["text"] for block in answer["output"]["message"]["content"])
        return text, None, answer["stopReason"], invoked(answer)
    text = finish = model = None
    for event in client.converse_stream(**ask)["stream"]:
        if "contentBlockDelta" in event:
            text = (text or "") + event["contentBlockDelta"]["delta"]["text"]
        finish = event.get("messageStop", {}).get("stopReason", finish)
        if "metadata" in event:
            model = invoked(event["metadata"])
    return text, None, finish, model


def invoked(said):
    return said["trace"]["promptRouter"]["invokedModelId"]


@cache
def bedrock():
    # Four more tries by default, for whose pauses nobody waits here.
    once_more = Config(retries={"total_max_attempts": 2})
    key = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY}
    create = botocore.session.Session().create_client
    return create("bedrock-runtime", region_name="us-east-1", config=once_more, **key)


CALLS = {
    "chat": chat,
    "completions": completions,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
    "converse": converse,
}

# The types of an answer, of an event, and of an error with its place in the body.
TYPES = {
    "chat": (ChatCompletion, ChatCompletionChunk),
    "completions": (Completion, Completion),
    "responses": (Response, ResponseStreamEvent),
    "messages": (Message, RawMessageStreamEvent),
    "gemini": (gemini_types.GenerateContentResponse, gemini_types.GenerateContentResponse),
}


def faults(upstream, api, stream):
    """What is wrong with the body, as the SDK's own types have it."""
    if upstream.status >= 400:
        return faults_of_error(api, json.loads(upstream.body))
    if api == "converse":
        return faults_of_converse(upstream.body, stream)
    whole, event = TYPES[api]
    if not stream:
        return faults_of_json(whole, upstream.body)
    found = []
    for said in openai._streaming.SSEDecoder().iter_bytes(iter([upstream.body])):
        if said.data == "[DONE]":
            continue
        if said.event is not None and said.event != json.loads(said.data)["type"]:
            found.append(f"{said.event}: another type in its data")
        found += faults_of_json(event, said.data)
    return found


def faults_of_json(kind, text):
    try:
        return list(unknown(TypeAdapter(kind).validate_json(text, strict=True), ""))
    except ValueError as error:
        return [str(error)]


def unknown(value, path):
    """The members that no type knows: OpenAI's and Anthropic's models let them through."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name} is unknown" for name in value.model_extra or {})
        value = {name: getattr(value, name) for name in value.model_fields_set}
    if isinstance(value, dict):
        value = value.items()
    elif isinstance(value, list):
        value = enumerate(value)
    else:
        return
    for name, member in value:
        yield from unknown(member, f"{path}.{name}")


def faults_of_error(api, body):
    if api == "messages":
        # What _exceptions.py reads and no type of an error object has.
        body["error"].pop("details")
        return faults_of_json(ErrorResponse, json.dumps(body))
    if api in ("chat", "completions", "responses"):
        return faults_of_json(ErrorObject, json.dumps(body["error"]))
    return []


def faults_of_converse(body, stream):
    shapes = bedrock().meta.service_model
    if not stream:
        return faults_of_shape(json.loads(body), shapes.operation_model("Converse").output_shape)
    events = shapes.operation_model("ConverseStream").output_shape.members["stream"].members
    frames = EventStreamBuffer()
    frames.add_data(body)
    found = []
    for frame in frames:
        name = frame.headers[":event-type"]
        found += faults_of_shape(json.loads(frame.payload), events[name])
    return found


def faults_of_shape(said, shape):
    report = ParamValidator().validate(said, shape)
    return [report.generate_report()] if report.has_errors() else []


def describe(error):
    said = getattr(error, "response", None)
    if isinstance(said, dict):  # botocore's
        status = said["ResponseMetadata"]["HTTPStatusCode"]
        code, message = said["Error"]["Code"], said["Error"]["Message"]
    else:
        # Google's SDK has the status as `code`, where OpenAI's has the provider's word for the error.
        codes = [getattr(error, name, None) for name in ("error_code", "status", "code")]
        status = getattr(error, "status_code", None) or codes[-1]
        code = next((code for code in codes if isinstance(code, str)), None)
        messages = [getattr(error, name, None) for name in ("api_message", "message")]
        message = next(filter(None, messages), str(error))
    return {"type": type(error).__name__, "status": status, "code": code, "message": message}


def call(told):
    upstream, api, stream = Upstream(told), told["api"], told["stream"]
    said = {"raised": None, "text": None, "refusal": None, "finish": None, "model": None}
    try:
        said["text"], said["refusal"], said["finish"], said["model"] = CALLS[api](upstream, stream)
    except Exception as error:  # What an SDK lets through from below it is of interest, too.
        said["raised"] = describe(error)
    return said | {"requests": upstream.requests, "faults": faults(upstream, api, stream)}


for line in sys.stdin:
    print(json.dumps(call(json.loads(line))), flush=True)
