"""Calls LLMs through their official Python SDKs, as it is told.

    driver.py http://127.0.0.1:10000

It says `ready` when the SDKs are loaded. Then each line of stdin is a JSON array of calls, which are
made at once; when all of them are over, one line of stdout says what came of each, in their order.

A call:

    api          "chat", "completions", "responses" (OpenAI), "messages" (Anthropic), "gemini",
                 "converse" (Bedrock), "langchain" (OpenAI's chat, through LangChain); or
                 "published", which calls nobody and raises unless the `document` is what an SDK has
                 as this `type`, such as "chat event"
    helper       which of the SDK's helpers is to ask: "stream" gathers an answer from its events,
                 "parse" asks for an object and returns its text; a plain call if absent
    base         the path in front of the API's own, "/v1" for OpenAI if absent
    prompt       what the user says
    stream       whether the answer is to come in events; false if absent
    options      whatever else the SDK's method takes
    retries      how often the SDK may try again; as often as it likes if absent
    leave_after  hang up after so many events

What came of it:

    raised       null, or the type, status, code, message and retry_after of the SDK's exception
    events       how many events the SDK handed out
    text         what was said to the user, without thoughts, refusals and calls of tools
    finish       how it ended in the provider's words, each once and sorted
    model        which model the SDK says has answered
    seconds      how long it took
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import bedrock
import typed
from apis import Apis

MOST_AT_ONCE = 64


def call(apis, told):
    """Makes one call and reads its answer to the end, or for as long as it is told to."""
    began = time.monotonic()
    result = {"raised": None, "events": 0, "text": "", "finish": set(), "model": None}
    try:
        answer, read = typed.ask(apis, told) if told.get("helper") else apis.ask(told)
        if told.get("stream"):
            read_events(answer, read, result, told.get("leave_after"))
        else:
            note(answer, read, result)
    except Exception as error:  # What an SDK lets through from below it is of interest, too.
        result["raised"] = describe(error)
    result["finish"] = sorted(result["finish"])
    result["seconds"] = time.monotonic() - began
    return result


def read_events(stream, read, result, leave_after):
    for event in stream:
        result["events"] += 1
        note(event, read, result)
        if result["events"] == leave_after:
            stream.close()
            return


def note(answer, read, result):
    said, finishes = read(answer)
    result["text"] += said
    result["finish"].update(finishes)
    result["model"] = model_of(answer) or result["model"]


def model_of(answer):
    # Events that are not answers themselves have one in them.
    for one in (answer, getattr(answer, "response", None), getattr(answer, "message", None)):
        model = getattr(one, "model", None) or getattr(one, "model_version", None)
        if isinstance(model, str):
            return model
    return None


def describe(error):
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return {"type": type(error).__name__, **bedrock.describe(response)}
    # Google's SDK has the status as `code`, where OpenAI's has the provider's word for the error.
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None) or code
    return {
        "type": type(error).__name__,
        "status": status if isinstance(status, int) else None,
        "code": code if isinstance(code, str) else None,
        "message": getattr(error, "message", None) or str(error),
        "retry_after": (getattr(response, "headers", None) or {}).get("retry-after"),
    }


def main():
    apis = Apis(sys.argv[1])
    print("ready", flush=True)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for line in sys.stdin:
            results = pool.map(lambda told: call(apis, told), json.loads(line))
            print(json.dumps(list(results)), flush=True)


main()
