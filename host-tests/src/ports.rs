//! On which loopback ports do `make run` and `make observe` listen?

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The port that the environment variable names, if nobody listens there yet; 0 is a free one.
///
/// # Errors
/// When it is no port, or taken: in words for whoever started this, with the variable's name.
pub fn from_environment(variable: &str, default: u16) -> Result<u16, String> {
    let port = match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable}={text} is not a port"))?,
        Err(_) => default,
    };
    match TcpListener::bind(loopback(port)) {
        Ok(_) => Ok(port),
        Err(error) => Err(format!(
            "port {port} cannot be listened on ({error}); choose another with {variable}=…"
        )),
    }
}

/// A port of the loopback address.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
