//! A small graph of durations against a budget.

use bevy_egui::egui::{Color32, Pos2, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, pos2};

/// Height of a graph in points.
const HEIGHT: f32 = 42.0;

/// Draws `milliseconds`, oldest first, in a box whose top is twice the budget; a line marks the budget, and what lies
/// above it is drawn in the warning colour.
pub fn durations(ui: &mut Ui, milliseconds: &[f32], budget: f32) {
    let (response, painter) = ui.allocate_painter(Vec2::new(ui.available_width(), HEIGHT), Sense::hover());
    let area = response.rect;
    let visuals = ui.visuals();
    painter.rect(area, 3.0, visuals.extreme_bg_color, visuals.widgets.noninteractive.bg_stroke, StrokeKind::Inside);
    for (from, to, over) in lines(milliseconds, budget, area.min, area.size()) {
        let colour = if over { visuals.warn_fg_color } else { visuals.selection.bg_fill };
        painter.add(Shape::line_segment([from, to], Stroke::new(1.5, colour)));
    }
    let middle = area.center().y;
    let faint = Stroke::new(1.0, Color32::from_gray(128).gamma_multiply(0.5));
    painter.add(Shape::line_segment([pos2(area.left(), middle), pos2(area.right(), middle)], faint));
}

/// The pieces of the curve and whether each is above the budget.
fn lines(values: &[f32], budget: f32, origin: Pos2, size: Vec2) -> Vec<(Pos2, Pos2, bool)> {
    let step = size.x / (values.len().max(2) - 1) as f32;
    let point = |index: usize, value: f32| {
        let share = (value / (2.0 * budget)).clamp(0.0, 1.0);
        pos2(origin.x + index as f32 * step, origin.y + size.y * (1.0 - share))
    };
    values
        .windows(2)
        .enumerate()
        .map(|(index, pair)| (point(index, pair[0]), point(index + 1, pair[1]), pair[0].max(pair[1]) > budget))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_at_half_height_and_values_stay_inside() {
        let pieces = lines(&[0.0, 16.0, 1_000.0], 16.0, pos2(10.0, 20.0), Vec2::new(100.0, 40.0));
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].0, pieces[0].1, pieces[0].2), (pos2(10.0, 60.0), pos2(60.0, 40.0), false));
        assert_eq!((pieces[1].1, pieces[1].2), (pos2(110.0, 20.0), true));
    }
}
