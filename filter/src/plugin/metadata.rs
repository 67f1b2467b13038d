//! What does the metadata of a request's cluster say?

use crate::config::metadata::unknown_names;
use crate::plugin::host;
use crate::shared::Metadata;

const METADATA: [&str; 4] = ["xds", "cluster_metadata", "filter_metadata", "llm_breaker"];

/// A cluster's metadata, as a request to the cluster shows it.
pub(super) struct MetadataRead {
    pub(super) metadata: Metadata,
    /// Names in it that mean nothing.
    pub(super) unknown: Vec<String>,
}

impl MetadataRead {
    pub(super) fn by_this_request() -> Self {
        let Some(all) = host::metadata_property(&METADATA) else {
            return Self { metadata: Metadata::default(), unknown: Vec::new() };
        };
        let field = |path: &[&str]| host::metadata_property(&[&METADATA, path].concat());
        let mut unknown = unknown_names(&[], &all);
        for group in [["trip"], ["slow"], ["limits"]] {
            unknown.extend(unknown_names(&group, &field(&group).unwrap_or_default()));
        }
        unknown.iter_mut().for_each(|name| name.push_str(": not a field of metadata"));
        Self { metadata: Metadata::read(field), unknown }
    }
}
