//! What does the head of a request to the admin listener say? Bytes, as they came.

/// The headers that matter here. Where one comes more than once, all of them count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub(super) method: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) authority: Vec<u8>,
    pub(super) authorization: Vec<Vec<u8>>,
    pub(super) origin: Vec<Vec<u8>>,
    pub(super) fetch_site: Vec<Vec<u8>>,
    pub(super) content_type: Vec<Vec<u8>>,
    /// The size of the body in bytes, where the client says so.
    pub(super) content_length: Option<u64>,
}

impl Head {
    /// The head with these headers, names in lower case.
    pub fn of<'h>(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let value = value.to_vec();
            match name {
                b":method" => head.method = value,
                b":path" => head.path = value,
                b":authority" => head.authority = value,
                b"authorization" => head.authorization.push(value),
                b"origin" => head.origin.push(value),
                b"sec-fetch-site" => head.fetch_site.push(value),
                b"content-type" => head.content_type.push(value),
                b"content-length" => {
                    head.content_length =
                        String::from_utf8(value).ok().and_then(|it| it.parse().ok());
                }
                _ => {}
            }
        }
        head
    }
}
