"""How OpenAI's chat is asked through LangChain, and what its messages say."""


def chat_model(address, key):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=address, api_key=key, model="gpt-5")


def ask(model, told):
    ask = model.stream if told.get("stream") else model.invoke
    return ask(told["prompt"], **told.get("options", {})), of_message


def of_message(message):
    finish = message.response_metadata.get("finish_reason")
    return message.content, {finish} if finish else set()
