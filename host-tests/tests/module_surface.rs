//! What the compiled modules ask of their host, what they offer, and how large they are: nothing comes
//! to them unnoticed, from a dependency or from us.

use std::{collections::BTreeSet, sync::LazyLock};

use llm_breaker_host_tests::host::path_of;
use wasmtime::{Config, Engine, Module, OptLevel};

/// What the filter itself calls.
const CALLED: &[&str] = &[
    "env.proxy_call_foreign_function",
    "env.proxy_close_stream",
    "env.proxy_continue_stream",
    "env.proxy_define_metric",
    "env.proxy_get_buffer_bytes",
    "env.proxy_get_current_time_nanoseconds",
    "env.proxy_get_header_map_pairs",
    "env.proxy_get_header_map_value",
    "env.proxy_get_metric",
    "env.proxy_get_property",
    "env.proxy_get_shared_data",
    "env.proxy_increment_metric",
    "env.proxy_log",
    "env.proxy_record_metric",
    "env.proxy_remove_header_map_value",
    "env.proxy_replace_header_map_value",
    "env.proxy_send_local_response",
    "env.proxy_set_buffer_bytes",
    "env.proxy_set_effective_context",
    "env.proxy_set_property",
    "env.proxy_set_shared_data",
    "env.proxy_set_tick_period_milliseconds",
    "wasi_snapshot_preview1.clock_time_get",
];

/// What the module with a fleet calls as well, and the other one only links.
const CALLED_FOR_A_FLEET: &[&str] = &[
    "env.proxy_dequeue_shared_queue",
    "env.proxy_enqueue_shared_queue",
    "env.proxy_grpc_call",
    "env.proxy_grpc_cancel",
    "env.proxy_grpc_send",
    "env.proxy_grpc_stream",
    "env.proxy_register_shared_queue",
    "env.proxy_resolve_shared_queue",
];

/// What only the SDK and the standard library link; no path of ours leads there.
const LINKED: &[&str] = &[
    "env.proxy_add_header_map_value",
    "env.proxy_done",
    "env.proxy_get_status",
    "env.proxy_grpc_close",
    "env.proxy_http_call",
    "env.proxy_set_header_map_pairs",
    "wasi_snapshot_preview1.environ_get",
    "wasi_snapshot_preview1.environ_sizes_get",
    "wasi_snapshot_preview1.fd_write",
    "wasi_snapshot_preview1.proc_exit",
];

/// The callbacks of the ABI, as the SDK exports them.
const EXPORTED: &[&str] = &[
    "_initialize",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_downstream_connection_close",
    "proxy_on_downstream_data",
    "proxy_on_foreign_function",
    "proxy_on_grpc_close",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_http_call_response",
    "proxy_on_log",
    "proxy_on_memory_allocate",
    "proxy_on_new_connection",
    "proxy_on_queue_ready",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_body",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_tick",
    "proxy_on_upstream_connection_close",
    "proxy_on_upstream_data",
    "proxy_on_vm_start",
];

/// The module, and the one with a fleet.
const NAMES: [&str; 2] = ["llm_breaker", "llm_breaker_fleet"];

static MODULES: LazyLock<[Module; 2]> = LazyLock::new(|| {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    // What the other runtimes that an Envoy can be built with may lack (docs/envoy.md); threads, too, are
    // beyond this engine.
    config.wasm_simd(false).wasm_relaxed_simd(false).wasm_tail_call(false);
    config.wasm_multi_memory(false).wasm_memory64(false);
    let engine = Engine::new(&config).expect("the configuration suits this machine");
    NAMES.map(|name| Module::from_file(&engine, path_of(name)).expect("a module"))
});

#[test]
fn they_need_no_instruction_that_a_runtime_of_envoy_may_lack() {
    LazyLock::force(&MODULES);
}

#[test]
fn they_import_what_is_listed_and_nothing_else() {
    let listed = CALLED.iter().chain(CALLED_FOR_A_FLEET).chain(LINKED);
    let listed: BTreeSet<String> = listed.map(|name| (*name).to_owned()).collect();
    for module in MODULES.iter() {
        let imports = module.imports();
        let found: BTreeSet<String> =
            imports.map(|import| format!("{}.{}", import.module(), import.name())).collect();
        assert_eq!(
            found, listed,
            "a new one needs a reason, and one that is gone its line deleted"
        );
    }
}

#[test]
fn they_export_the_callbacks_of_the_abi_and_nothing_else() {
    for module in MODULES.iter() {
        let found: BTreeSet<&str> = module.exports().map(|export| export.name()).collect();
        assert_eq!(found, EXPORTED.iter().copied().collect());
    }
}

#[test]
fn no_path_of_the_machine_that_built_them_is_in_them() {
    for name in NAMES {
        let bytes = std::fs::read(path_of(name)).expect("it was built");
        for place in [env!("CARGO_MANIFEST_DIR"), env!("HOME")] {
            let place = place.trim_end_matches("/host-tests").as_bytes();
            let found = bytes.windows(place.len()).any(|window| window == place);
            assert!(!found, "{name}: {}", String::from_utf8_lossy(place));
        }
    }
}
