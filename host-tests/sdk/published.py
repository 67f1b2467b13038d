"""Whether a document is what an SDK has as its provider's published type of it."""

from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.shared import ErrorObject
from pydantic import BaseModel, TypeAdapter

import bedrock


class OpenAIError(BaseModel):
    """OpenAI's SDK has no type for the object around it."""

    error: ErrorObject


TYPES = {
    "chat answer": ChatCompletion,
    "chat event": ChatCompletionChunk,
    "chat error": OpenAIError,
    "responses answer": Response,
    "responses event": ResponseStreamEvent,
    "responses error": OpenAIError,
    "messages answer": Message,
    "messages event": RawMessageStreamEvent,
    "messages error": ErrorResponse,
    "gemini answer": GenerateContentResponse,
    "gemini event": GenerateContentResponse,
}


def check(type_name, document):
    """Raises what is wrong with the document."""
    if type_name == "converse answer":
        bedrock.check(document)
    else:
        TypeAdapter(TYPES[type_name]).validate_python(document)
