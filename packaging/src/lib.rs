//! Makes of the built module an OCI image, byte for byte the same from the same module.
//!
//! | module | question |
//! |---|---|
//! | [`layout`] | how does a folder hold images? |
//! | [`image`] | which image do Istio's and Envoy Gateway's fetchers accept? |

pub mod image;
pub mod layout;
