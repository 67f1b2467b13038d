//! Which resource is asked for, and may it be asked for so?

use crate::admin::answers::Refusal;
use crate::admin::head::Head;
use crate::config::order::Action;
use percent_encoding::percent_decode;

const API: &[u8] = b"/api/v1/";
const READ: &str = "GET, HEAD";
const WRITE: &str = "POST";

/// A resource, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The status page.
    Page,
    /// Whether anybody is there.
    Health,
    /// What the answers look like.
    Schema,
    /// All breakers.
    Breakers,
    /// The breaker of this name.
    Breaker(String),
    /// An order to the breaker of this name.
    Order(String, Action),
}

impl Route {
    /// The route of this request.
    ///
    /// # Errors
    /// There is no such resource, or its method is another.
    pub(super) fn of(head: &Head) -> Result<Self, Refusal> {
        let route = Self::at(&head.path).ok_or(Refusal::NotFound)?;
        let (allow, is_allowed) = match route {
            Self::Order(..) => (WRITE, head.method == b"POST"),
            _ => (READ, head.method == b"GET" || head.method == b"HEAD"),
        };
        if is_allowed { Ok(route) } else { Err(Refusal::Method { allow }) }
    }

    fn at(path: &[u8]) -> Option<Self> {
        let path = path.split(|byte| *byte == b'?').next()?;
        match path {
            b"/" => return Some(Self::Page),
            b"/healthz" => return Some(Self::Health),
            _ => {}
        }
        let mut segments = path.strip_prefix(API)?.split(|byte| *byte == b'/');
        let (resource, key, action) = (segments.next()?, segments.next(), segments.next());
        match (resource, key, action, segments.next()) {
            (b"schema", None, ..) => Some(Self::Schema),
            (b"breakers", None, ..) => Some(Self::Breakers),
            (b"breakers", Some(key), None, _) => Some(Self::Breaker(name(key)?)),
            (b"breakers", Some(key), Some(action), None) => {
                let mut actions = Action::ALL.into_iter();
                let action = actions.find(|it| it.name().as_bytes() == action)?;
                Some(Self::Order(name(key)?, action))
            }
            _ => None,
        }
    }
}

/// A breaker's name as it stands in a path. No breaker has one that is empty or no UTF-8.
fn name(segment: &[u8]) -> Option<String> {
    let name = String::from_utf8(percent_decode(segment).collect()).ok()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Result<Route, Refusal> {
        let head = [(&b":method"[..], method.as_bytes()), (&b":path"[..], path.as_bytes())];
        Route::of(&Head::of(head.into_iter()))
    }

    #[test]
    fn each_resource_has_its_path() {
        let openai = || "outbound|443||api.openai.com".to_owned();
        for (path, expected) in [
            ("/", Route::Page),
            ("/?from=a-bookmark", Route::Page),
            ("/healthz", Route::Health),
            ("/api/v1/schema", Route::Schema),
            ("/api/v1/breakers", Route::Breakers),
            ("/api/v1/breakers?", Route::Breakers),
            ("/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com", Route::Breaker(openai())),
            ("/api/v1/breakers/outbound|443||api.openai.com", Route::Breaker(openai())),
            ("/api/v1/breakers/a%2Fb%1Fgpt-4.1*", Route::Breaker("a/b\u{1f}gpt-4.1*".into())),
            ("/api/v1/breakers/100%", Route::Breaker("100%".into())),
        ] {
            assert_eq!(route("GET", path), Ok(expected.clone()), "{path}");
            assert_eq!(route("HEAD", path), Ok(expected), "{path}");
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "", "\u{1f}"] {
                assert_eq!(route(method, path), Err(Refusal::Method { allow: "GET, HEAD" }));
            }
        }
        for action in Action::ALL {
            let path = format!("/api/v1/breakers/a%20b/{}", action.name());
            assert_eq!(route("POST", &path), Ok(Route::Order("a b".into(), action)));
            assert_eq!(route("GET", &path), Err(Refusal::Method { allow: "POST" }));
        }
    }

    #[test]
    fn nothing_else_is_there() {
        for path in [
            "",
            "*",
            "//",
            "/index.html",
            "/healthz/",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v2/breakers",
            "/api/v1/schema/",
            "/api/v1/breakers/",
            "/api/v1/breakers//open",
            "/api/v1/breakers/a/",
            "/api/v1/breakers/a/shut",
            "/api/v1/breakers/a/open/",
            "/api/v1/breakers/%ff",
            "http://a/api/v1/breakers",
            "/API/v1/breakers",
            "/api/v1/../healthz",
        ] {
            for method in ["GET", "POST"] {
                assert_eq!(route(method, path), Err(Refusal::NotFound), "{path}");
            }
        }
        let head = [(&b":path"[..], &b"/\xff\xfe"[..])];
        assert_eq!(Route::of(&Head::of(head.into_iter())), Err(Refusal::NotFound));
        assert_eq!(Route::of(&Head::default()), Err(Refusal::NotFound), "no path at all");
    }
}
