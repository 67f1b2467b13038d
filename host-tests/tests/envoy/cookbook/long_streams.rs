//! `docs/cookbook/long-streams.md`.

use llm_breaker_host_tests::client::{Call, Ending};
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator, StreamEnd};
use serde_json::json;

use super::kitchen::Kitchen;
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked, assert_reached};

async fn start(provider: &Simulator, recipe: Recipe) -> Outcome<Kitchen> {
    let recipe = recipe.provider(OPENAI, provider.address());
    Kitchen::start("long-streams", recipe).await
}

fn recipe() -> Recipe {
    // Thirty seconds.
    Recipe::new("long-streams.yaml").defaults(&json!({"open": {"base": "1s", "jitter": 0}}))
}

/// With three minutes and a minute and a half as two seconds.
fn impatient() -> Recipe {
    recipe().instead(
        "{first_token: 180s, gap: 90s, abort: true}",
        "{first_token: 2s, gap: 2s, abort: true}",
    )
}

#[tokio::test]
async fn streams_that_break_off_say_so_and_open_it() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider, recipe()).await?;
    // The end that HTTP sees as whole and the protocol does not.
    let silent = Behaviour::Stream { events: 2, interval_milliseconds: 0, end: StreamEnd::Silent };
    provider.queue(vec![silent; 3]);
    for _ in 0..3 {
        let broken = kitchen.send(&Call::streamed_chat()).await;
        assert_eq!((broken.status.as_u16(), broken.ending), (200, Ending::Whole));
        assert!(
            broken.text().trim_end().ends_with("[DONE]") || broken.text().contains("\"error\"")
        );
    }
    kitchen.until(OPENAI, "state", &[], OPEN).await;
    let blocked = kitchen.send(&Call::streamed_chat()).await;
    assert_blocked(&blocked);
    kitchen.assert_seen(&[&blocked]).await;

    kitchen.until(OPENAI, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &Call::streamed_chat(), 200).await;
    kitchen.until(OPENAI, "state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn a_stream_may_run_for_as_long_as_it_says_something() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider, impatient()).await?;
    // Twice as long as any limit, and silent for a fifth of it at a time.
    let end = StreamEnd::Done;
    provider.behave(Behaviour::Stream { events: 10, interval_milliseconds: 400, end });
    let whole = kitchen.send(&Call::streamed_chat()).await;
    assert_reached(&whole, 200);
    assert_eq!(whole.ending, Ending::Whole);
    kitchen.until(OPENAI, "outcomes_total", &[("category", "success")], 1.0).await;
    Ok(())
}

#[tokio::test]
async fn one_that_hangs_is_ended_before_its_first_token_and_later() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider, impatient()).await?;
    provider.queue([Behaviour::Hang, Behaviour::hang_after(2)]);
    let never = kitchen.send(&Call::streamed_chat()).await;
    assert_eq!(
        (never.status.as_u16(), never.breaker()),
        (503, Some("fallback")),
        "{}",
        never.text()
    );
    let broken = kitchen.send(&Call::streamed_chat()).await;
    assert_eq!((broken.status.as_u16(), broken.ending), (200, Ending::Cut));
    kitchen.until(OPENAI, "outcomes_total", &[("category", "timeout")], 2.0).await;
    Ok(())
}
