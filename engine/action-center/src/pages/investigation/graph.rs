//! The graph of an investigation as plain SVG: columns from the root to the actions, the same for the same facts. The
//! same facts are a table.

use clawback_model::visible_line;
use maud::{Markup, html};

use crate::design::pill::Tone;
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::design::words::number;

/// Nodes of a column at most.
const MOST: usize = 10;
/// Characters of a node's text in its spoken name and in the table.
const LONGEST: usize = 60;
/// Characters that fit into a node, in its two sizes; a longer text ends with an ellipsis.
const FITS: usize = 23;
const FITS_SMALL: usize = 28;
/// Sizes, in the units of the drawing.
const WIDTH: usize = 188;
const HEIGHT: usize = 46;
const BETWEEN: usize = 10;
const GAP: usize = 64;
const HEAD: usize = 28;
const FOOT: usize = 22;
const PADDING: usize = 10;

const COLUMNS: [Column; 5] = [
    Column::short("Part"),
    Column::lead("What"),
    Column::long("Kind"),
    Column::fill("Details"),
    Column::long("Leads to").at_960(),
];

/// One node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What it is.
    pub(super) kind: String,
    /// Its text; from mail, so untrusted.
    pub(super) value: String,
    /// What there is to say of it: a number, a status.
    pub(super) remark: String,
    pub(super) tone: Tone,
    /// Where it leads.
    pub(super) address: String,
}

/// A node in the graph: its column and its place in it.
pub(super) type Place = (usize, usize);

/// Columns of nodes, and lines between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    columns: Vec<Nodes>,
    lines: Vec<(Place, Place)>,
}

#[derive(Debug)]
struct Nodes {
    name: &'static str,
    shown: Vec<Node>,
    /// How many more there are.
    more: u64,
}

impl Graph {
    /// Begins a column, and returns its number.
    pub(super) fn column(&mut self, name: &'static str) -> usize {
        self.columns.push(Nodes { name, shown: Vec::new(), more: 0 });
        self.columns.len() - 1
    }

    /// Adds a node below the others; `None` if the column is full, and the node is only counted. Larger ones come first.
    pub(super) fn add(&mut self, column: usize, node: Node) -> Option<Place> {
        let nodes = &mut self.columns[column];
        if nodes.shown.len() >= MOST {
            nodes.more += 1;
            return None;
        }
        nodes.shown.push(node);
        Some((column, nodes.shown.len() - 1))
    }

    /// Counts nodes that are not added.
    pub(super) fn more(&mut self, column: usize, count: u64) {
        self.columns[column].more += count;
    }

    /// Draws a line between two nodes, if both are shown.
    pub(super) fn join(&mut self, from: Option<Place>, to: Option<Place>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.lines.push((from, to));
        }
    }

    fn height(&self) -> usize {
        let most = self.columns.iter().map(|column| column.shown.len()).max().unwrap_or(0).max(1);
        let foot = if self.columns.iter().any(|column| column.more > 0) { FOOT } else { 0 };
        HEAD + most * (HEIGHT + BETWEEN) - BETWEEN + foot + 2
    }

    /// The left upper corner of a node. Columns with fewer nodes are centred.
    fn corner(&self, (column, place): Place) -> (usize, usize) {
        let most = self.columns.iter().map(|column| column.shown.len()).max().unwrap_or(0);
        let own = self.columns.get(column).map_or(0, |column| column.shown.len());
        let above = (most - own) * (HEIGHT + BETWEEN) / 2;
        (1 + column * (WIDTH + GAP), HEAD + above + place * (HEIGHT + BETWEEN))
    }

    fn path(&self, from: Place, to: Place) -> String {
        let ((left, top), (right, end)) = (self.corner(from), self.corner(to));
        if from.0 == to.0 {
            let middle = left + WIDTH / 2;
            return format!("M{middle} {}V{end}", top + HEIGHT);
        }
        let (left, top, end) = (left + WIDTH, top + HEIGHT / 2, end + HEIGHT / 2);
        let middle = usize::midpoint(left, right);
        format!("M{left} {top}C{middle} {top} {middle} {end} {right} {end}")
    }

    /// The drawing.
    pub(super) fn drawing(&self) -> Markup {
        let width = self.columns.len() * (WIDTH + GAP) - GAP + 2;
        let words = self.columns.iter().map(|column| {
            format!("{} {}", number(column.shown.len() as u64 + column.more), column.name.to_lowercase())
        });
        let words = format!("Graph of the investigation: {}", words.collect::<Vec<_>>().join(", "));
        html! {
            div .graph tabindex="0" role="region" aria-label=(words) {
                svg viewBox={ "0 0 " (width) " " (self.height()) } width=(width) height=(self.height()) role="group" aria-label=(words) {
                    @for (from, to) in &self.lines { path d=(self.path(*from, *to)) {} }
                    @for (column, nodes) in self.columns.iter().enumerate() {
                        text .head x=(self.corner((column, 0)).0) y="14" { (nodes.name) }
                        @for (place, node) in nodes.shown.iter().enumerate() { (drawn(node, self.corner((column, place)))) }
                        @if nodes.more > 0 {
                            @let (left, top) = self.corner((column, nodes.shown.len()));
                            text .more x=(left) y=(top + 6) { "and " (number(nodes.more)) " more" }
                        }
                    }
                }
            }
        }
    }

    /// The same facts as a table.
    pub(super) fn table(&self) -> Markup {
        let leads = |from: Place| {
            let to = self.lines.iter().filter(|(start, _)| *start == from).filter_map(|(_, end)| self.node(*end));
            to.map(|node| format!("{} ({})", shown(&node.value), node.kind)).collect::<Vec<_>>().join(", ")
        };
        let row = |name: &str, place: Place, node: &Node| {
            Row::of([
                html! { (name) },
                html! { a href=(node.address) { (text::cell(&node.value)) } },
                html! { (node.kind) },
                html! { (node.remark) },
                text::cell(&leads(place)),
            ])
        };
        let rows: Vec<Row> = self
            .columns
            .iter()
            .enumerate()
            .flat_map(|(column, nodes)| {
                let of = nodes.shown.iter().enumerate();
                of.map(move |(place, node)| (nodes.name, (column, place), node))
            })
            .map(|(name, place, node)| row(name, place, node))
            .collect();
        html! {
            (Table::new("Parts of the investigation", &COLUMNS, rows))
            @for nodes in self.columns.iter().filter(|nodes| nodes.more > 0) {
                p .empty { (nodes.name) ": and " (number(nodes.more)) " more" }
            }
        }
    }

    fn node(&self, (column, place): Place) -> Option<&Node> {
        self.columns.get(column)?.shown.get(place)
    }
}

fn shown(value: &str) -> String {
    visible_line(value, LONGEST)
}

/// A node in its frame. What is inside is an image of its own, so that its text ends at the frame.
fn drawn(node: &Node, (left, top): (usize, usize)) -> Markup {
    let remark = if node.remark.is_empty() { node.kind.clone() } else { format!("{} · {}", node.kind, node.remark) };
    html! {
        a href=(node.address) aria-label={ (node.kind) ": " (shown(&node.value)) ", " (node.remark) } class=(node.tone.class()) {
            title { (visible_line(&node.value, 200)) }
            rect x=(left) y=(top) width=(WIDTH) height=(HEIGHT) rx="6" {}
            svg x=(left + PADDING) y=(top) width=(WIDTH - 2 * PADDING) height=(HEIGHT) {
                text x="0" y="19" { (visible_line(&node.value, FITS)) }
                text .what x="0" y="36" { (visible_line(&remark, FITS_SMALL)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "</text><script>alert(1)</script>\" onload=\"x \u{202e}gnp";

    fn node(value: &str) -> Node {
        let address = "/investigations/x?tab=entities&a=1".to_owned();
        Node {
            kind: "Sender".to_owned(),
            value: value.to_owned(),
            remark: "7 messages".to_owned(),
            tone: Tone::Quiet,
            address,
        }
    }

    fn example() -> Graph {
        let mut graph = Graph::default();
        let (root, entities) = (graph.column("Root"), graph.column("Entities"));
        let start = graph.add(root, node("root"));
        for place in 0..MOST + 5 {
            let end = graph.add(entities, node(&format!("{HOSTILE}{place}")));
            graph.join(start, end);
        }
        graph.more(entities, 1_000);
        graph
    }

    #[test]
    fn a_graph_is_bounded_and_text_of_mail_is_escaped_and_cut() {
        let graph = example();
        for shown in [graph.drawing().into_string(), graph.table().into_string()] {
            assert!(
                !shown.contains("<script") && !shown.contains("\" onload") && !shown.contains('\u{202e}'),
                "{shown}"
            );
            assert!(shown.contains("1,005 more") && !shown.contains("style="), "{shown}");
        }
        let drawing = graph.drawing().into_string();
        assert_eq!((drawing.matches("<rect").count(), drawing.matches("<path").count()), (MOST + 1, MOST));
        assert_eq!(drawing, example().drawing().into_string(), "the same facts make the same drawing");
        let long = "x".repeat(100_000);
        let mut one = Graph::default();
        let column = one.column("Root");
        one.add(column, node(&long));
        assert!(one.drawing().into_string().len() < 2_000);
    }

    #[test]
    fn nodes_of_a_column_do_not_overlap_and_are_inside() {
        let graph = example();
        let (root, last) = (graph.corner((0, 0)), graph.corner((1, MOST - 1)));
        assert!(root.1 > HEAD && root.1 < last.1, "a column with fewer nodes is centred");
        assert!(last.1 + HEIGHT + FOOT <= graph.height());
        assert!(graph.corner((1, 1)).1 >= graph.corner((1, 0)).1 + HEIGHT);
    }
}
