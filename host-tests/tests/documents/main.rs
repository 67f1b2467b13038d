//! Whatever a document or a YAML file of this repository says can be relied on: links lead somewhere,
//! blocks that can run are run, files that are shipped are started or validated.

mod blocks;
mod links;
mod makefile;
mod markdown;
mod proofs;
mod repository;
mod shell;
mod versions;
mod workflows;
mod yaml;
