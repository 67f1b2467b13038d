//! The fleet's operators put a mode in the place of every policy's: what comes before it, and what after?

use super::*;
use crate::breaker::{FleetOrder, Origin};

impl Scene {
    /// The fleet orders this mode, for so many seconds from now if any are given.
    fn follows(&mut self, mode: Mode, lasts: Option<f64>) {
        let until = lasts.map(|lasts| self.now + seconds(lasts));
        self.goes_by(Some(FleetOrder { mode, until }));
    }

    /// What the fleet orders, if anything.
    fn goes_by(&mut self, order: Option<FleetOrder>) {
        let change = self.breaker.follow(order, &self.policy, self.now);
        self.note(change);
    }

    fn origin(&self) -> Option<Origin> {
        self.breaker.override_in_force(self.now).map(|it| it.origin)
    }
}

#[test]
fn it_comes_before_the_configured_mode_and_ends_with_its_time_or_its_record() {
    for ends_by_itself in [false, true] {
        let mut scene = Scene::in_fleet(|policy| policy.mode = Mode::Shadow);
        scene.follows(Mode::ForcedOpen, Some(60.0));
        assert_eq!((scene.mode(), scene.rejection()), (Mode::ForcedOpen, 60.0));
        if ends_by_itself {
            scene.after(60.0);
            scene.ticks();
        } else {
            scene.goes_by(None);
        }
        assert_eq!((scene.mode(), scene.breaker.overridden), (Mode::Shadow, None));
    }
}

#[test]
fn an_order_at_this_proxy_comes_before_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.overridden(Mode::Enforce, Some(60.0));
    let here = scene.breaker.overridden;
    for order in [Some(Mode::ForcedOpen), Some(Mode::Disabled), None] {
        scene.goes_by(order.map(|mode| FleetOrder { mode, until: None }));
        assert_eq!((scene.breaker.overridden, scene.change), (here, Change::Nothing));
    }
    scene.after(60.0);
    scene.follows(Mode::ForcedOpen, None);
    assert_eq!((scene.mode(), scene.origin()), (Mode::ForcedOpen, Some(Origin::Fleet)));
}

#[test]
fn an_order_at_this_proxy_replaces_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::ForcedOpen, None);
    scene.overridden(Mode::Enforce, None);
    assert_eq!((scene.mode(), scene.origin()), (Mode::Enforce, Some(Origin::Local)));
    scene.follows(Mode::ForcedOpen, None);
    assert_eq!(scene.mode(), Mode::Enforce);
    scene.goes_by(None);
    assert_eq!(scene.mode(), Mode::Enforce, "what the fleet takes back is only its own");
}

#[test]
fn nobody_here_takes_back_what_the_fleet_ordered() {
    for order in [Order::Release, Order::Close { kept: None }, Order::Reset] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.follows(Mode::ForcedOpen, None);
        scene.obeys(order);
        assert_eq!(scene.mode(), Mode::ForcedOpen, "{order:?}");
    }
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::ForcedOpen, None);
    scene.obeys(Order::Close { kept: Some(seconds(60.0)) });
    assert_eq!((scene.mode(), scene.origin()), (Mode::Disabled, Some(Origin::Local)));
}

#[test]
fn hearing_the_same_order_again_changes_nothing() {
    let mut scene = Scene::in_fleet(|_| {});
    let order = FleetOrder { mode: Mode::Disabled, until: Some(scene.now + seconds(60.0)) };
    scene.goes_by(Some(order));
    let before = scene.breaker.clone();
    scene.after(1.0);
    scene.goes_by(Some(order));
    assert_eq!((scene.breaker, scene.change), (before, Change::Nothing));
}

#[test]
fn another_order_replaces_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::Disabled, Some(60.0));
    scene.follows(Mode::ForcedOpen, Some(60.0));
    assert_eq!((scene.mode(), scene.rejection()), (Mode::ForcedOpen, 60.0));
    scene.follows(Mode::ForcedOpen, Some(90.0));
    assert_eq!(scene.rejection(), 90.0);
}

#[test]
fn an_order_whose_time_is_over_is_none() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::ForcedOpen, Some(0.0));
    assert_eq!((scene.breaker.overridden, scene.change), (None, Change::Nothing));
}

#[test]
fn what_is_ordered_here_comes_before_what_the_fleet_orders_and_that_before_the_configuration() {
    let any = || Mode::ALL.into_iter().map(Some).chain([None]);
    let all = Mode::ALL.into_iter().flat_map(|configured| {
        any().flat_map(move |here| any().map(move |there| (configured, here, there)))
    });
    for (configured, here, there) in all {
        for fleet_first in [false, true] {
            let mut scene = Scene::in_fleet(|policy| policy.mode = configured);
            let follows = |scene: &mut Scene| {
                scene.goes_by(there.map(|mode| FleetOrder { mode, until: None }));
            };
            if fleet_first {
                follows(&mut scene);
            }
            if let Some(mode) = here {
                scene.overridden(mode, None);
            }
            follows(&mut scene);
            scene.hears(scene.announced(5, 60.0));
            let expected = here.or(there).unwrap_or(configured);
            let story = format!("{configured:?}, here {here:?}, in the fleet {there:?}");
            assert_eq!(scene.mode(), expected, "{story}");
            match expected {
                Mode::Disabled => assert_eq!(scene.admit(), Admission::Untracked, "{story}"),
                Mode::ForcedOpen => assert_eq!(scene.rejection(), 30.0, "{story}"),
                Mode::Enforce | Mode::Shadow => assert_eq!(scene.rejection(), 60.0, "{story}"),
            }
        }
    }
}

#[test]
fn it_comes_before_a_hint() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::Disabled, None);
    scene.hears(scene.announced(5, 60.0));
    assert_eq!(scene.admit(), Admission::Untracked);
    scene.goes_by(None);
    scene.hears(scene.announced(5, 60.0));
    assert_eq!(scene.state(), Open);
}

#[test]
fn leaving_it_starts_afresh_like_any_other() {
    for mode in [Mode::Disabled, Mode::ForcedOpen] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.trips();
        scene.follows(mode, None);
        scene.goes_by(None);
        assert_eq!((scene.state(), scene.breaker.trips), (Closed, 0));
        assert_eq!(scene.transitions.last().map(|it| it.cause), Some(Cause::ModeChanged));
    }
    let mut scene = Scene::in_fleet(|_| {});
    scene.trips();
    scene.follows(Mode::Shadow, None);
    scene.follows(Mode::Enforce, None);
    scene.goes_by(None);
    assert_eq!(scene.state(), Open);
}

#[test]
fn without_a_fleet_there_is_none() {
    let mut scene = Scene::new();
    scene.follows(Mode::ForcedOpen, None);
    assert_eq!((scene.breaker.overridden, scene.change), (None, Change::Nothing));
}

#[test]
fn a_younger_policy_that_is_in_no_fleet_ends_it() {
    let mut scene = Scene::in_fleet(|_| {});
    scene.follows(Mode::ForcedOpen, None);
    scene.after(1.0);
    scene.reconfigured(|policy| policy.fleet = None);
    scene.ticks();
    assert_eq!((scene.mode(), scene.breaker.overridden), (Mode::Enforce, None));
    scene.fails(1);
    assert_eq!(scene.state(), Closed);
}

#[test]
fn one_that_is_no_younger_does_not_and_what_is_ordered_here_is_no_matter_of_a_fleet() {
    for older_by in [0.0, 1.0] {
        let mut scene = Scene::in_fleet(|_| {});
        scene.reconfigured(|_| {});
        scene.after(older_by);
        scene.follows(Mode::ForcedOpen, None);
        scene.policy.fleet = None;
        scene.ticks();
        assert_eq!(scene.mode(), Mode::ForcedOpen, "another listener is in the fleet");
    }
    let mut scene = Scene::in_fleet(|_| {});
    scene.overridden(Mode::ForcedOpen, None);
    scene.after(1.0);
    scene.reconfigured(|policy| policy.fleet = None);
    scene.ticks();
    assert_eq!((scene.mode(), scene.origin()), (Mode::ForcedOpen, Some(Origin::Local)));
}
