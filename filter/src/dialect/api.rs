//! Which operation of its dialect does a request ask for?

/// An operation, as far as what it is answered with differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's chat completions.
    Chat,
    /// Completions of a plain prompt: OpenAI's, and Anthropic's before its messages.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Embeddings, of any dialect.
    Embeddings,
    /// Anthropic's messages, also on Vertex.
    Messages,
    /// Gemini's `generateContent`, and its stream of server-sent events.
    GenerateContent,
    /// Gemini's stream without `alt=sse`: one JSON array.
    GenerateContentArray,
    /// Bedrock's converse.
    Converse,
    /// Bedrock's invoke: whatever the model takes and gives.
    Invoke,
    /// A method of a gRPC service.
    Grpc,
    /// Files, audio, lists, token counts, jobs, and all that is not known.
    Other,
}

impl Api {
    /// Whether it makes a model generate while the client waits. What an answer must look like is
    /// known for these alone.
    #[must_use]
    pub const fn generates(self) -> bool {
        !matches!(self, Self::Grpc | Self::Other)
    }
}
