//! A story with everything in it that operators can see, and what they see of it: every stat of the
//! README's table with its name, labels, kind and value, each transition's line, each request's
//! record.

mod records;
mod stats;
mod story;

use crate::scene::Outcome;
use story::Story;

#[tokio::test]
async fn a_story_is_told_by_the_stats_the_log_and_the_access_log() -> Outcome {
    let story = Story::told().await?;
    stats::are_all_there(&story.scene).await;
    records::transitions_are_logged_once(&story.scene);
    records::each_request_left_one(&story.scene).await;
    Ok(())
}
