//! Icons: symbols of one SVG at the beginning of a page, which the parts of the page refer to.

use maud::{Markup, html};

/// The icons, each with the path that it is drawn by in a square of 24.
const PATHS: [(Icon, &str); 25] = [
    (Icon::Search, "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM20 20l-4-4"),
    (Icon::Clock, "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7v5l3 2"),
    (Icon::List, "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01"),
    (Icon::Folder, "M3 7a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2Z"),
    (Icon::Flag, "M5 21V4h12l-2 4 2 4H5"),
    (Icon::Bell, "M6 16V11a6 6 0 1 1 12 0v5l2 2H4ZM10 21h4"),
    (Icon::Calendar, "M4 6h16v14H4ZM4 10h16M8 3v4M16 3v4"),
    (Icon::Book, "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3ZM5 17a3 3 0 0 1 3-3h11"),
    (Icon::Store, "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0ZM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0"),
    (
        Icon::People,
        "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM3 20c0-7 12-7 12 0M16 6a3 3 0 0 1 0 6M17.5 15c2.5.5 3.5 2 3.5 5",
    ),
    (Icon::Shield, "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6ZM9 12l2 2 4-4"),
    (Icon::Check, "M5 13l4 4L19 7"),
    (Icon::Cross, "M6 6l12 12M18 6L6 18"),
    (Icon::Warning, "M12 4l9 16H3ZM12 10v4M12 17h.01"),
    (Icon::Pause, "M9 6v12M15 6v12"),
    (Icon::Running, "M12 3a9 9 0 1 1-9 9"),
    (Icon::Minus, "M6 12h12"),
    (Icon::Undo, "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3"),
    (Icon::Down, "M6 9l6 6 6-6"),
    (Icon::Mail, "M3 6h18v13H3ZM3 7l9 6 9-6"),
    (Icon::Sliders, "M4 8h8M16 8h4M14 6v4M4 16h2M10 16h10M8 14v4"),
    (Icon::Block, "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM6 6l12 12"),
    (Icon::Archive, "M3 4h18v4H3ZM5 8v12h14V8M10 12h4"),
    (Icon::Copies, "M9 9h11v11H9ZM5 15H4V4h11v1"),
    (Icon::Swatch, "M4 4h7v7H4ZM13 4h7v7h-7ZM4 13h7v7H4ZM13 13h7v7h-7Z"),
];

/// An icon. It stands beside words and has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Search,
    Clock,
    List,
    Folder,
    Flag,
    Bell,
    Calendar,
    Book,
    Store,
    People,
    Shield,
    Check,
    Cross,
    Warning,
    Pause,
    Running,
    Minus,
    Undo,
    Down,
    Mail,
    Sliders,
    Block,
    Archive,
    Copies,
    Swatch,
}

impl Icon {
    /// Every icon, in the order of the sprite.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        PATHS.into_iter().map(|(icon, _)| icon)
    }
}

impl maud::Render for Icon {
    fn render(&self) -> Markup {
        html! { svg .icon aria-hidden="true" { use href={ "#" (id(*self)) } {} } }
    }
}

/// The symbols, once a page.
pub(crate) fn sprite() -> Markup {
    html! { svg .sprite aria-hidden="true" { @for (icon, path) in PATHS {
        symbol id=(id(icon)) viewBox="0 0 24 24" { path d=(path) {} }
    } } }
}

fn id(icon: Icon) -> String {
    format!("icon-{icon:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use maud::Render as _;

    use super::*;

    #[test]
    fn every_icon_is_in_the_sprite_once() {
        let sprite = sprite().into_string();
        for icon in Icon::all() {
            assert_eq!(sprite.matches(&format!("id=\"{}\"", id(icon))).count(), 1, "{icon:?}");
            assert!(icon.render().into_string().contains(&format!("#{}\"", id(icon))));
        }
    }
}
