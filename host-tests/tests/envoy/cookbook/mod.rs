//! The recipes of `docs/cookbook/`: each page's file of `envoy/cookbook/` in the real Envoy, in front of
//! simulated providers, does what the page says.

mod anthropic_second_account;
mod batch;
mod coming_from;
mod credentials;
mod gemini_daily_quota;
mod https_applications;
mod kitchen;
mod long_streams;
mod maintenance;
mod models;
mod multi_tenant;
mod openai_to_azure;
mod outlier_detection;
mod own_vllm;
mod page;
mod pages;
mod shadow_rollout;
