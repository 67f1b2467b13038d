//! What is a plugin with this document for: the traffic, or those who look at the breakers?

use core::fmt;

use serde_json::Value;
use subtle::ConstantTimeEq;

use super::form::Form;
use super::ranges;
use super::rules::Rule;
use super::walk::Fields;

/// What a plugin is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Requests to upstreams.
    #[default]
    Traffic,
    /// The status page and its API.
    Admin {
        /// What a request must bring that changes something; without one none does.
        token: Option<Token>,
    },
}

/// A secret that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Whether this is the secret. How long it takes tells no more than whether the length is right.
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// A secret that can be typed, and stands in a header as it is.
pub(super) struct Secret {
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Rule for Secret {
    type Out = Token;

    fn read(&self, value: &Value) -> Option<Token> {
        let text = value.as_str()?;
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_long_enough = (self.min..=self.max).contains(&text.len());
        (is_visible && is_long_enough).then(|| Token(text.to_owned()))
    }

    fn allowed(&self) -> String {
        format!("{} to {} visible ASCII characters, or null", self.min, self.max)
    }

    fn form(&self) -> Form {
        Form::Secret { min: self.min, max: self.max }
    }

    fn show(&self, _: &Token) -> Value {
        "…".into()
    }
}

/// The names of the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Traffic,
    Admin,
}

/// Reads the role and what it has for itself.
pub(super) fn read(object: &mut impl Fields, role: &mut Role) {
    let (mut name, mut token) = (Name::Traffic, None);
    object.value("role", &mut name, &ranges::ROLE);
    object.secrets("admin", |admin| admin.optional("token", &mut token, &ranges::ADMIN_TOKEN));
    // Who meant another role than there is, is not told what belongs to which.
    if object.is_refused("role") {
        return;
    }
    match name {
        Name::Traffic => object.secrets_out_of_place("admin", "only with role: admin"),
        Name::Admin => {
            *role = Role::Admin { token };
            let of_traffic = ["max_breakers", "access_log", "defaults", "breakers"];
            object.out_of_place(&of_traffic, "only with role: traffic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_the_secret() {
        let token = Token("0123456789abcdef".to_owned());
        assert!(token.is(b"0123456789abcdef"));
        for other in
            [&b""[..], b"0123456789abcde", b"0123456789abcdeF", b"0123456789abcdef0", &[0xff; 16]]
        {
            assert!(!token.is(other), "{other:?}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
