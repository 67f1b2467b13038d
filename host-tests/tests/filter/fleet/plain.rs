//! What a configuration without a fleet pays, and a module without room for one says.

use llm_breaker_host_tests::host::Module;
use serde_json::json;

use super::with_fleet;
use crate::scene::{Scene, TRIP, defaults, secs};

#[test]
fn without_a_fleet_both_modules_make_the_same_host_calls() {
    let lived = |module: &str| {
        let configuration = defaults(json!({}));
        let built =
            |world: llm_breaker_host_tests::host::WorldBuilder| world.configuration(configuration);
        let scene = Scene::of_module(&Module::built(module), 2, built);
        scene.succeed(3);
        scene.fail(TRIP);
        (0..3).for_each(|_| drop(scene.held_back()));
        scene.pass(secs(31));
        scene.succeed(1);
        scene.pass(secs(3));
        scene.all_host_calls()
    };
    assert_eq!(lived("llm_breaker_fleet"), lived("llm_breaker"));
}

#[test]
fn a_module_without_room_for_it_refuses_a_fleet_and_names_the_one_that_has() {
    let configuration = with_fleet(json!({}), json!({}));
    let world = llm_breaker_host_tests::host::World::running(&Module::built("llm_breaker"));
    let rejected = world.configuration(configuration).try_start().map(drop).expect_err("refused");
    let told: Vec<&str> = rejected.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("fleet") && told[0].contains("llm_breaker_fleet.wasm"), "{told:?}");
}
