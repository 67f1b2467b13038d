//! May this request change something? Only with the token, and never at another site's bidding.

use crate::admin::BODY_LIMIT;
use crate::admin::answers::Refusal;
use crate::admin::head::Head;
use crate::config::Token;

const SCHEME: &[u8] = b"bearer ";

/// Whether a request with this head may give an order.
///
/// # Errors
/// Why it may not. What another site's page bids a browser to send is refused whatever its token:
/// the answer tells that page nothing.
pub(super) fn admit(head: &Head, token: Option<&Token>) -> Result<(), Refusal> {
    let token = token.ok_or(Refusal::WritesDisabled)?;
    if is_cross_site(head) {
        return Err(Refusal::CrossSite);
    }
    match &*head.authorization {
        [given] if bearer(given).is_some_and(|given| token.is(given)) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Whether a body that comes behind this head may be read.
///
/// # Errors
/// It is none that says it is JSON, or longer than an order.
pub(super) fn admit_body(head: &Head) -> Result<(), Refusal> {
    match &*head.content_type {
        [given] if is_json(given) => {}
        _ => return Err(Refusal::MediaType),
    }
    let limit = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX);
    if head.content_length.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

/// A browser says where a request comes from, and no page can make it lie; who is no browser says
/// nothing.
fn is_cross_site(head: &Head) -> bool {
    let is_ours = |site: &Vec<u8>| matches!(&**site, b"same-origin" | b"none");
    let is_own = |origin: &Vec<u8>| authority(origin) == Some(head.authority.to_ascii_lowercase());
    !head.fetch_site.iter().all(is_ours) || !head.origin.iter().all(is_own)
}

/// Host and port of an origin; which scheme, a proxy in front may have changed.
fn authority(origin: &[u8]) -> Option<Vec<u8>> {
    let after_scheme = origin.strip_prefix(b"http")?;
    let after_scheme = after_scheme.strip_prefix(b"s").unwrap_or(after_scheme);
    after_scheme.strip_prefix(b"://").map(<[u8]>::to_ascii_lowercase)
}

fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

fn is_json(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Role};

    const SECRET: &str = "correct-horse-battery-staple";
    const BEARER: (&str, &str) = ("authorization", "Bearer correct-horse-battery-staple");

    fn token() -> Token {
        let document = format!(r#"{{"role": "admin", "admin": {{"token": "{SECRET}"}}}}"#);
        match Config::parse(document.as_bytes()).expect("a configuration").role {
            Role::Admin { token: Some(token) } => token,
            other => panic!("{other:?}"),
        }
    }

    fn admitted(headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let authority = [(":authority", "Status.example:9902")];
        let headers = authority.iter().chain(headers);
        let head = Head::of(headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        admit(&head, Some(&token()))
    }

    #[test]
    fn without_a_configured_token_nothing_is_changed() {
        assert_eq!(admit(&Head::default(), None), Err(Refusal::WritesDisabled));
    }

    #[test]
    fn only_the_token_opens() {
        assert_eq!(admitted(&[BEARER]), Ok(()));
        assert_eq!(admitted(&[("authorization", &format!("bearer  {SECRET} "))]), Ok(()));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            SECRET,
            &format!("Basic {SECRET}"),
            &format!("Bearer {SECRET}x"),
            &format!("Bearer {}", &SECRET[1..]),
            &format!("Bearer {}", SECRET.to_uppercase()),
            "Bearer \u{ff}",
        ] {
            assert_eq!(
                admitted(&[("authorization", wrong)]),
                Err(Refusal::Unauthorized),
                "{wrong}"
            );
        }
        assert_eq!(admitted(&[]), Err(Refusal::Unauthorized));
        assert_eq!(admitted(&[BEARER, BEARER]), Err(Refusal::Unauthorized), "which of them?");
    }

    #[test]
    fn no_other_site_can_give_an_order() {
        for (name, value, expected) in [
            ("sec-fetch-site", "same-origin", Ok(())),
            ("sec-fetch-site", "none", Ok(())),
            ("sec-fetch-site", "same-site", Err(Refusal::CrossSite)),
            ("sec-fetch-site", "cross-site", Err(Refusal::CrossSite)),
            ("sec-fetch-site", "", Err(Refusal::CrossSite)),
            ("origin", "http://status.example:9902", Ok(())),
            ("origin", "https://STATUS.example:9902", Ok(())),
            ("origin", "http://status.example", Err(Refusal::CrossSite)),
            ("origin", "http://status.example:9902.evil.example", Err(Refusal::CrossSite)),
            ("origin", "http://evil.example:9902", Err(Refusal::CrossSite)),
            ("origin", "null", Err(Refusal::CrossSite)),
            ("origin", "", Err(Refusal::CrossSite)),
        ] {
            assert_eq!(admitted(&[BEARER, (name, value)]), expected, "{name}: {value}");
        }
        let both = [("origin", "http://status.example:9902"), ("origin", "http://evil.example")];
        assert_eq!(admitted(&[BEARER, both[0], both[1]]), Err(Refusal::CrossSite));
    }

    #[test]
    fn a_body_is_json_and_not_longer_than_an_order() {
        let body = |headers: &[(&str, &str)]| {
            let headers = headers.iter();
            admit_body(&Head::of(headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()))))
        };
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(body(&[json]), Ok(()));
        assert_eq!(body(&[json, ("content-length", "16384")]), Ok(()));
        assert_eq!(body(&[json, ("content-length", "16385")]), Err(Refusal::TooLarge));
        assert_eq!(body(&[json, ("content-length", "18446744073709551616")]), Ok(()), "none");
        let forms = ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"];
        for media_type in forms {
            assert_eq!(body(&[("content-type", media_type)]), Err(Refusal::MediaType));
        }
        assert_eq!(body(&[]), Err(Refusal::MediaType));
        assert_eq!(body(&[json, json]), Err(Refusal::MediaType));
    }
}
