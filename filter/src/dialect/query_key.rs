//! The same request without the credentials in its query.

use super::route::decoded;

/// Parameters that are credentials, each with the header that may stand in its place: those that
/// every discovery document of Google's APIs has, and what Azure takes where a client can set no
/// header.
const KEYS: [(&str, &str); 4] = [
    ("key", "x-goog-api-key"),
    ("access_token", "authorization"),
    ("oauth_token", "authorization"),
    ("api-key", "api-key"),
];

/// The path without the credentials that its query has in place of these headers, in lower case;
/// `None` if it has none.
#[must_use]
pub fn path_without_keys(path: &str, headers: &[String]) -> Option<String> {
    let (path, query) = path.split_once('?')?;
    let is_kept = |parameter: &&str| {
        let name = parameter.split('=').next().and_then(decoded).unwrap_or_default();
        let key = KEYS.iter().find(|(key, _)| *key == name.trim_start_matches('$'));
        !key.is_some_and(|(_, header)| headers.iter().any(|it| it == header))
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    if kept.len() == query.split('&').count() {
        return None;
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    Some(format!("{path}{mark}{}", kept.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::CREDENTIALS;

    #[test]
    fn only_the_credentials_go() {
        let headers = CREDENTIALS.map(String::from);
        for (path, expected) in [
            ("/a?key=1", Some("/a")),
            ("/a?alt=sse&key=1&b=%26", Some("/a?alt=sse&b=%26")),
            ("/a?key=1&k%65y=2&$key=3&key&x=4", Some("/a?x=4")),
            ("/a?access_token=1&oauth_token=2&api-key=3&api-version=4", Some("/a?api-version=4")),
            ("/a?monkey=1&Key=2&x=key", None),
            ("/key=1", None),
            ("/a?", None),
            ("", None),
        ] {
            assert_eq!(path_without_keys(path, &headers).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_may_stay_in_a_header_may_stay_in_the_query() {
        let path = "/a?key=1&access_token=2";
        let without = |header: &str| path_without_keys(path, &[header.to_owned()]);
        assert_eq!(without("x-goog-api-key").as_deref(), Some("/a?access_token=2"));
        assert_eq!(without("authorization").as_deref(), Some("/a?key=1"));
        assert_eq!(without("x-other"), None);
    }
}
