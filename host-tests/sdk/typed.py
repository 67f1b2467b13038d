"""How the SDKs' helpers are asked: those that gather an answer from its events, and those that make
an object of it."""

from pydantic import BaseModel

from apis import of_chat, of_message, of_response, user


class Answer(BaseModel):
    """What `parse` asks for."""

    answer: str


def ask(apis, told):
    """The whole answer, and what reads it."""
    return HELPERS[told["api"], told["helper"]](apis, told)


def chat_stream(apis, told):
    stream = apis.openai_for(told).chat.completions.stream
    with stream(model="gpt-5", messages=user(told)) as events:
        said = "".join(event.delta for event in events if event.type == "content.delta")
        return whole(events.get_final_completion(), said, of_chat)


def chat_parse(apis, told):
    parse = apis.openai_for(told).chat.completions.parse
    completion = parse(model="gpt-5", messages=user(told), response_format=Answer)
    message = completion.choices[0].message
    return completion, reading(message.parsed, message.refusal, of_chat)


def responses_stream(apis, told):
    stream = apis.openai_for(told).responses.stream
    with stream(model="gpt-5", input=user(told)) as events:
        is_said = "response.output_text.delta"
        said = "".join(event.delta for event in events if event.type == is_said)
        return whole(events.get_final_response(), said, of_response)


def responses_parse(apis, told):
    parse = apis.openai_for(told).responses.parse
    response = parse(model="gpt-5", input=user(told), text_format=Answer)
    refusals = [
        content.refusal
        for item in response.output
        for content in item.content
        if content.type == "refusal"
    ]
    return response, reading(response.output_parsed, "".join(refusals), of_response)


def messages_stream(apis, told):
    stream = apis.anthropic.messages.stream
    with stream(model="claude", max_tokens=1024, messages=user(told)) as events:
        said = "".join(events.text_stream)
        return whole(events.get_final_message(), said, of_message)


def messages_parse(apis, told):
    parse = apis.anthropic.messages.parse
    options = {"max_tokens": 1024, "messages": user(told), "output_format": Answer}
    message = parse(model="claude", **options)
    return message, reading(message.parsed_output, None, of_message)


def gemini_parse(apis, told):
    config = {"response_mime_type": "application/json", "response_schema": Answer}
    answer, read = apis.gemini({**told, "options": {"config": config}})
    return answer, reading(answer.parsed, None, read)


def langchain_parse(apis, told):
    model = apis.langchain_model.with_structured_output(Answer)
    return None, lambda _: (model.invoke(told["prompt"]).answer, set())


HELPERS = {
    ("chat", "stream"): chat_stream,
    ("chat", "parse"): chat_parse,
    ("responses", "stream"): responses_stream,
    ("responses", "parse"): responses_parse,
    ("messages", "stream"): messages_stream,
    ("messages", "parse"): messages_parse,
    ("gemini", "parse"): gemini_parse,
    ("langchain", "parse"): langchain_parse,
}


def whole(answer, said, read):
    """The answer that was gathered from events which said this."""
    gathered, _ = read(answer)
    if gathered != said:
        raise ValueError(f"the events said {said!r}, the whole {gathered!r}")
    return answer, read


def reading(parsed, refusal, read):
    """What reads the parsed object's text, or the refusal, in place of the answer's own."""
    return lambda answer: (parsed.answer if parsed else refusal, read(answer)[1])
