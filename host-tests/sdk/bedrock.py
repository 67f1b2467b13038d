"""How Bedrock's Converse is asked through botocore, and what its answers, events and errors say."""


def client(address, key):
    # Here, not above: it takes long to load, and few tests need it.
    from botocore.session import Session

    session = Session()
    session.set_credentials(key, key, key)
    return session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=address)


def converse(client, told):
    messages = [{"role": "user", "content": [{"text": told["prompt"]}]}]
    asked = {"modelId": "anthropic.claude", "messages": messages, **told.get("options", {})}
    if told.get("stream"):
        return client.converse_stream(**asked)["stream"], of_event
    return client.converse(**asked), of_answer


def of_answer(answer):
    said = [block.get("text", "") for block in answer["output"]["message"]["content"]]
    return "".join(said), {answer["stopReason"]}


def of_event(event):
    said = event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    return said, {event["messageStop"]["stopReason"]} if "messageStop" in event else set()


def describe(response):
    """What the response in an exception says, in the driver's words."""
    metadata = response["ResponseMetadata"]
    return {
        "status": metadata["HTTPStatusCode"],
        "code": response["Error"]["Code"],
        "message": response["Error"]["Message"],
        "retry_after": metadata["HTTPHeaders"].get("retry-after"),
    }


def check(answer):
    """Raises what the published model of the service has against an answer."""
    from botocore.session import Session
    from botocore.validate import ParamValidator

    service = Session().get_service_model("bedrock-runtime")
    shape = service.operation_model("Converse").output_shape
    report = ParamValidator().validate(answer, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
