//! What is in a Markdown file: headings, links, blocks of code.

use crate::repository;

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Document and line, for whoever has to mend it.
    pub(crate) place: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// A document's paths and text.
pub(crate) fn documents() -> Vec<(String, String)> {
    let paths = repository::files(&[".md"]);
    paths.into_iter().map(|path| (path.clone(), repository::read(&path))).collect()
}

/// All blocks of all documents.
pub(crate) fn blocks() -> Vec<Block> {
    documents().iter().flat_map(|(path, text)| blocks_of(path, text)).collect()
}

fn blocks_of(path: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Block)> = None;
    for (number, line) in text.lines().enumerate() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        match (&mut open, rest.strip_prefix("```")) {
            (None, Some(language)) => {
                let place = format!("{path}:{}", number + 1);
                let block = Block { place, language: language.to_owned(), text: String::new() };
                open = Some((indent.to_owned(), block));
            }
            (None, None) => {}
            (Some(_), Some("")) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => {
                block.text += line.strip_prefix(indent.as_str()).unwrap_or(line);
                block.text += "\n";
            }
        }
    }
    assert!(open.is_none(), "{path}: a block does not end");
    blocks
}

/// The text without its blocks and its code in backticks.
pub(crate) fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let outside = line.split('`').step_by(2);
            prose.extend(outside.flat_map(|part| [part, "`"]));
            prose += "\n";
        }
    }
    prose
}

/// The anchors that GitHub makes of the headings.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if is_code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title.trim());
        let earlier = anchors.iter().filter(|anchor| **anchor == slug).count();
        anchors.push(if earlier == 0 { slug } else { format!("{slug}-{earlier}") });
    }
    anchors
}

fn slug(title: &str) -> String {
    let kept = title.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn headings_become_the_anchors_of_github() {
    let text = "# One `two`, three\n## A & B\n```sh\n# no heading\n```\n#hashtag\n## A & B\n";
    assert_eq!(anchors(text), ["one-two-three", "a--b", "a--b-1"]);
}

#[test]
fn a_block_in_a_list_loses_its_indent() {
    let blocks = blocks_of("x.md", "- so:\n  ```yaml\n  a:\n    b: 1\n  ```\n");
    assert_eq!((blocks[0].place.as_str(), blocks[0].language.as_str()), ("x.md:2", "yaml"));
    assert_eq!(blocks[0].text, "a:\n  b: 1\n");
}
