"""Calls LLMs through their official Python SDKs, as it is told.

    driver.py http://127.0.0.1:10000

It says `ready` when the SDKs are loaded. Then each line of stdin is a JSON array of calls, which are
made at once; when all of them are over, one line of stdout says what came of each, in their order.

A call:

    api          "chat", "completions", "responses" (OpenAI), "messages" (Anthropic), "gemini"
    base         the path in front of the API's own, "/v1" for OpenAI if absent
    prompt       what the user says
    stream       whether the answer is to come in events; false if absent
    options      whatever else the SDK's method takes
    retries      how often the SDK may try again; as often as it likes if absent
    leave_after  hang up after so many events

What came of it:

    raised       null, or the type, status, message and retry_after of the SDK's exception
    events       how many events the SDK handed out
    text         what was said to the user, without thoughts, refusals and calls of tools
    finish       how it ended in the provider's words, each once and sorted
    seconds      how long it took
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from apis import Apis

MOST_AT_ONCE = 64


def call(apis, told):
    """Makes one call and reads its answer to the end, or for as long as it is told to."""
    began = time.monotonic()
    result = {"raised": None, "events": 0, "text": "", "finish": set()}
    try:
        answer, read = apis.ask(told)
        if told.get("stream"):
            read_events(answer, read, result, told.get("leave_after"))
        else:
            note(read(answer), result)
    except Exception as error:  # What an SDK lets through from below it is of interest, too.
        result["raised"] = describe(error)
    result["finish"] = sorted(result["finish"])
    result["seconds"] = time.monotonic() - began
    return result


def read_events(stream, read, result, leave_after):
    for event in stream:
        result["events"] += 1
        note(read(event), result)
        if result["events"] == leave_after:
            stream.close()
            return


def note(said_and_finishes, result):
    said, finishes = said_and_finishes
    result["text"] += said
    result["finish"].update(finishes)


def describe(error):
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    # Google's SDK has the status as `code`, where OpenAI's has the provider's word for the error.
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return {
        "type": type(error).__name__,
        "status": status if isinstance(status, int) else None,
        "message": getattr(error, "message", None) or str(error),
        "retry_after": headers.get("retry-after"),
    }


def main():
    apis = Apis(sys.argv[1])
    print("ready", flush=True)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for line in sys.stdin:
            results = pool.map(lambda told: call(apis, told), json.loads(line))
            print(json.dumps(list(results)), flush=True)


main()
