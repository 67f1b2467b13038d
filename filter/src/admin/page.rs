//! Which page shows the breakers? One file without anything from elsewhere: `build.rs` joins and
//! packs what is in `page/`.

use crate::admin::packed::Packed;

const PAGE: Packed = Packed {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/page.deflate")),
    length: include_bytes!(concat!(env!("OUT_DIR"), "/page.html")).len(),
};

/// What the page may do: run its own script and style, and ask the listener that it came from.
pub const CONTENT_SECURITY_POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/page.csp"));

/// The page, as HTML in UTF-8.
#[must_use]
pub fn html() -> Vec<u8> {
    PAGE.unpacked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_takes_little_of_the_module() {
        let whole = include_bytes!(concat!(env!("OUT_DIR"), "/page.html"));
        assert_eq!(html(), whole);
        assert!(PAGE.bytes.len() < 12_800, "{} bytes", PAGE.bytes.len());
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_nothing_escapes_the_hashes() {
        let page = String::from_utf8(html()).expect("UTF-8");
        let foreign = [" src=", "url(", "@import", "<link", "http:", "https:"];
        let allowed = page.replace("http://www.w3.org/2000/svg", "");
        for text in foreign {
            assert!(!allowed.contains(text), "{text}");
        }
        for inline in [" style=", " onclick=", " onsubmit="] {
            assert!(!page.contains(inline), "a policy of hashes forbids {inline}");
        }
        for once in ["<style>", "</style>", "<script", "</script"] {
            assert_eq!(page.matches(once).count(), 1, "{once}");
        }
    }

    #[test]
    fn no_data_becomes_markup() {
        let page = String::from_utf8(html()).expect("UTF-8");
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!page.contains(way), "{way}");
        }
    }

    #[test]
    fn the_policy_is_one_header_line_that_forbids_the_rest() {
        assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(CONTENT_SECURITY_POLICY.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}
