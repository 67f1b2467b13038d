//! What the filter touches of a call, and when: header maps in their own phase, and no body but
//! what its outcome needs.

use llm_breaker_host_tests::host::Response;

use crate::scene::{Scene, chat};

#[test]
fn header_maps_are_read_once_each_and_bodies_without_need_never() {
    let scene = Scene::by_default();
    scene.succeed(1);
    let maps = || scene.host_calls("proxy_get_header_map_pairs");
    // Each VM declares its access log's record, once for all requests.
    let declared = scene.host_calls("proxy_call_foreign_function");
    let (maps_before, buffers) = (maps(), scene.host_calls("proxy_get_buffer_bytes"));

    let audio = Response::status(200).header("content-type", "audio/mpeg").chunked(["ID3"; 50]);
    scene.send(chat().body("x".repeat(100_000))).upstream_answers(audio.trailer("x-checksum", "0"));
    assert_eq!(maps() - maps_before, 2, "the request's and the response's");
    scene.reach().client_leaves();
    assert_eq!(maps() - maps_before, 3, "the request's alone");
    scene.worker(0).malformed_request();
    assert_eq!(maps() - maps_before, 3, "none while logging");

    assert_eq!(scene.host_calls("proxy_get_buffer_bytes"), buffers);
    for changing in [
        "proxy_set_buffer_bytes",
        "proxy_set_header_map_pairs",
        "proxy_add_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
    ] {
        assert_eq!(scene.host_calls(changing), 0, "{changing}");
    }
    assert_eq!(scene.host_calls("proxy_call_foreign_function"), declared);
}
