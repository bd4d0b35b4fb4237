//! What is read of pages, also of broken and hostile ones.

use proptest::prelude::*;

use super::*;

fn text(html: &str) -> String {
    read(html, 1_000_000).text
}

fn links(html: &str) -> Vec<(String, String)> {
    read(html, 1_000_000).links
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(target, shown)| ((*target).to_owned(), (*shown).to_owned())).collect()
}

#[test]
fn text_as_a_reader_sees_it() {
    for (html, seen) in [
        ("Hello <b>wor</b>ld", "Hello world"),
        ("one<br>two<p>three</p>four", "one\ntwo\nthree\nfour"),
        ("<table><tr><td>a<td>b<tr><td>c</table>d", "a\nb\nc\nd"),
        ("a&nbsp;b &lt;c&gt; &#x67;&#111; &euro;5 &notanentity;", "a b <c> go €5 ¬anentity;"),
        ("<head><title>t</title><style>p{}</style><script>if(a<b)</script></head><body>x", "x"),
        ("<head><div>shown by browsers", "shown by browsers"),
        ("<template>t</template><noscript>n</noscript><iframe>i</iframe>", "n"),
        ("a<!-- b -->c<!-->d", "acd"),
        ("a<script>b</script x>c<style>d", "ac"),
        ("  \n a \t b  ", "a b"),
        ("plain < text > a&b", "plain < text > a&b"),
        ("<div>unclosed <a href=x", "unclosed"),
        ("<textarea>a<b>c</textarea>", "a<b>c"),
        ("<svg><title>t</title><path/></svg>x<svg/>y", "xy"),
        ("<svg><style>s<p>shown</svg><svg><text>t</text></svg>", "shownt"),
        ("<svg><foreignObject><p>in</p><script></p>", "in"),
        ("", ""),
    ] {
        assert_eq!(text(html), seen, "{html}");
    }
}

#[test]
fn hidden_text_is_left_out() {
    for (html, seen) in [
        ("in<span style='display:none'>filler</span>voice", "invoice"),
        ("a<div style=\"display:none\">x<p>y<b>z</div>b", "a\nb"),
        ("a<span hidden>x</span>b<span HIDDEN=''>y</span>", "ab"),
        ("<td style='font-size:0px'>x<div style='font-size:13px'>shown</div>y</td>", "shown"),
        ("<div style='mso-hide:all'>x</div><i style='visibility:hidden'>y</i>z", "z"),
        ("<p style='display:none'>x<p>shown", "shown"),
        ("<li style='display:none'>x<li>shown", "shown"),
        ("<table><tr style='display:none'><td>x<tr><td>shown</table>", "shown"),
        ("<div style='display:none'></span></p></b>x</div>shown", "shown"),
        ("<div style='display:none'><table><td></div>x</table></div>shown", "shown"),
        ("<br style='display:none'>shown<img hidden>shown", "shownshown"),
    ] {
        assert_eq!(text(html), seen, "{html}");
    }
}

#[test]
fn links_of_every_kind() {
    for (html, expected) in [
        ("<a href='https://x/?a=1&amp;b=2'>Click <b>here</b></a> now", &[("https://x/?a=1&b=2", "Click here")][..]),
        ("<A HREF = http://x >a<br>b</A>", &[("http://x", "a b")]),
        ("<a href=u><img alt='Pay now'><img alt=2></a>", &[("u", "Pay now 2")]),
        ("<a href=u>text<img alt=no></a>", &[("u", "text")]),
        ("<a href=1>one<a href=2>two</a>three", &[("1", "one"), ("2", "two")]),
        ("<a href=1>one<table><td><a href=2>two</a>rest</table></a>", &[("1", "one rest"), ("2", "two")]),
        ("<a name=x>a</a><a href='#top'>b</a><a href=''>c</a>", &[]),
        ("<map><area href=m alt=Map></map>", &[("m", "Map")]),
        ("<form action=https://f/><button formaction=g>Go</button>", &[("https://f/", ""), ("g", "")]),
        ("<meta http-equiv=Refresh content=\"0; URL='https://r/'\">", &[("https://r/", "")]),
        ("<meta http-equiv=refresh content='5;https://r/'><meta http-equiv=refresh content=3>", &[("https://r/", "")]),
        ("<base href='https://b/'>", &[("https://b/", "")]),
        ("<!--[if mso]><v:roundrect href='https://o/'><a href=p>x</a><![endif]-->", &[("https://o/", ""), ("p", "")]),
        ("<!-- <a href=x> --><!--[if mso", &[]),
        ("<svg><a xlink:href='s'>t</a></svg>", &[("s", "t")]),
        ("<div style='display:none'><a href=h>filler</a></div>", &[("h", "")]),
        ("<a href='jav&#x61;script:x&Tab;'>a", &[("javascript:x", "a")]),
        ("<a href=first href=second>a</a>", &[("first", "a")]),
    ] {
        assert_eq!(links(html), pairs(expected), "{html}");
    }
}

#[test]
fn mails_of_one_template_have_one_shape() {
    let mail = |name: &str, link: &str, filler: &str| {
        let html = format!(
            "<div class='{name}'><p style='color:red'>Dear {name},<br>pay</p><span style='display:none'>{filler}</span>\
             <a href='{link}'>{name}</a><img src=x></div>"
        );
        read(&html, 10_000).shape
    };
    let one = mail("Anna", "https://a/1", "lorem");
    assert_eq!(one, mail("Bob & Carol", "https://b/2?x", "<b>ipsum</b><i>dolor</i>"));
    assert_eq!(String::from_utf8_lossy(&one), "<div<p<br>><a><img>>");
    assert_ne!(one, read("<div><p></p><a></a></div>", 10_000).shape);
    assert!(read("only text", 10_000).shape.is_empty());
}

#[test]
fn limits_are_kept_and_noted() {
    let page = read("words and <a href=x>more words</a>", 8);
    assert_eq!((page.text.as_str(), page.is_text_cut), ("words an", true));
    assert_eq!(page.links, pairs(&[("x", "more words")]));
    let page = read(&"<a href=x>y</a>".repeat(LINKS + 1), 10_000);
    assert!(page.links.len() == LINKS && page.are_links_cut && !page.is_text_cut);
    let page = read(&format!("<a href='{}'>y</a>", "x".repeat(TARGET + 1)), 10_000);
    assert!(page.links[0].0.len() <= TARGET && page.are_links_cut);
}

#[test]
fn hostile_pages_take_linear_time() {
    let much = |piece: &str| piece.repeat(400_000 / piece.len());
    let openings = "<div><a href=x>".repeat(140_000);
    assert!(openings.len() > 2_000_000 && read(&openings, 10).links.len() == LINKS);
    for piece in [
        "<a href=x><table>",
        "<p><b>",
        "</div>",
        "<div style='display:none'>",
        "<table><td>",
        "<svg>",
        "<!--",
        "<!--[if mso]>",
        "&",
        "&amp",
        "<a ",
        "a=b ",
        "<",
        "<script>",
        "<title>",
        "<x y='",
    ] {
        let page = read(&much(piece), 10_000);
        assert!(
            page.text.len() <= 10_000 && page.links.len() <= LINKS && page.shape.len() <= SHAPE + NAME + 1,
            "{piece}"
        );
    }
    let crossed = [much("<div><b>"), much("</i></b>")].concat();
    assert!(read(&crossed, 10).text.is_empty());
    let attributes = (0..200_000).map(|at| format!("a{at}=b ")).collect::<Vec<_>>().concat();
    assert_eq!(links(&format!("<a {attributes} href=x>y")), pairs(&[("x", "y")]));
    let names = (0..200_000).map(|at| format!("<a{at}>")).collect::<Vec<_>>().concat();
    assert!(text(&names).is_empty());
}

proptest! {
    #[test]
    fn no_text_stops_it(html in "\\PC{0,200}", most in 0_usize..50) {
        prop_assert!(read(&html, most).text.len() <= most);
    }

    #[test]
    fn no_tags_stop_it(
        html in "(<|</|>|a |p|td|table|svg|style='display:none'|href='|script|/|=|&|#x|;|!--\\[if |-->|\\]>|meta http-equiv=refresh content='0;url|é| ){0,60}",
        most in 0_usize..50,
    ) {
        let page = read(&html, most);
        prop_assert!(page.text.len() <= most);
        let mut depth = 0_usize;
        for mark in page.shape.iter().filter(|byte| matches!(byte, b'<' | b'>')) {
            depth = if *mark == b'<' { Some(depth + 1) } else { depth.checked_sub(1) }.expect("no end without a start");
        }
    }
}
