//! What the HTML standard says of elements by their names.

/// Names of elements.
pub(super) type Names = &'static [&'static [u8]];

/// Elements whose content is not text of the page.
pub(super) const IGNORED: Names = &[b"script", b"style", b"title", b"template", b"iframe", b"noembed", b"noframes"];
/// Elements of other languages (HTML 13.2.6.5).
pub(super) const FOREIGN: Names = &[b"svg", b"math"];
/// Elements of these whose content is HTML again.
pub(super) const HTML_INSIDE: Names = &[b"foreignobject", b"desc", b"title", b"annotation-xml", b"mtext"];
/// Elements that end these.
pub(super) const LEAVING: Names = &[
    b"b",
    b"big",
    b"blockquote",
    b"body",
    b"br",
    b"center",
    b"code",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"em",
    b"embed",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"hr",
    b"i",
    b"img",
    b"li",
    b"listing",
    b"menu",
    b"meta",
    b"nobr",
    b"ol",
    b"p",
    b"pre",
    b"ruby",
    b"s",
    b"small",
    b"span",
    b"strike",
    b"strong",
    b"sub",
    b"sup",
    b"table",
    b"tt",
    b"u",
    b"ul",
    b"var",
];
/// Elements without content (HTML 13.1.2).
pub(super) const VOID: Names = &[
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param", b"source",
    b"track", b"wbr",
];
/// Elements that separate words.
pub(super) const BLOCKS: Names = &[
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"caption",
    b"center",
    b"dd",
    b"details",
    b"dialog",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"header",
    b"hr",
    b"html",
    b"legend",
    b"li",
    b"main",
    b"menu",
    b"nav",
    b"ol",
    b"optgroup",
    b"option",
    b"p",
    b"pre",
    b"section",
    b"select",
    b"summary",
    b"table",
    b"tbody",
    b"td",
    b"textarea",
    b"tfoot",
    b"th",
    b"thead",
    b"title",
    b"tr",
    b"ul",
];
/// Elements that an end tag inside them does not reach out of (HTML 13.2.4.2).
pub(super) const SCOPES: Names =
    &[b"applet", b"button", b"caption", b"html", b"marquee", b"object", b"table", b"td", b"template", b"th"];
const LISTS: Names = &[b"ul", b"ol", b"table", b"td", b"th", b"template"];
const TABLE: Names = &[b"table", b"template"];

/// Returns what the start of an element closes if it is open (HTML 13.2.6.4.7): the names, and those of elements that
/// keep it open.
pub(super) fn implied(name: &[u8]) -> impl Iterator<Item = (Names, Names)> {
    let of_kind: Option<(Names, Names)> = match name {
        b"li" => Some((&[b"li"], LISTS)),
        b"dd" | b"dt" => Some((&[b"dd", b"dt"], &[b"dl", b"table", b"td", b"th", b"template"])),
        b"td" | b"th" => Some((&[b"td", b"th"], TABLE)),
        b"tr" => Some((&[b"tr"], TABLE)),
        b"tbody" | b"thead" | b"tfoot" => Some((&[b"tbody", b"thead", b"tfoot"], TABLE)),
        b"option" | b"optgroup" => Some((&[b"option"], SCOPES)),
        b"button" => Some((&[b"button"], TABLE)),
        b"a" => Some((&[b"a"], SCOPES)),
        b"body" => Some((&[b"head"], &[])),
        _ => None,
    };
    let is_paragraph_end =
        BLOCKS.contains(&name) && !matches!(name, b"td" | b"th" | b"tr" | b"option" | b"select" | b"textarea");
    let paragraph: Option<(Names, Names)> = is_paragraph_end.then_some((&[b"p"], SCOPES));
    of_kind.into_iter().chain(paragraph)
}
