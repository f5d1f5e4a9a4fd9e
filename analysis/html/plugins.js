// Two small plugins for Chart.js 3: error bars and point labels.
"use strict";

// Draws an interval over each data point. A dataset asks for it with
//   errors: [{low, high} or null, …]   in the units of the axis
//   errorAxis: "x" or "y"              along which the interval lies
//   errorColor: CSS colour
const errorBars = {
  id: "errorBars",
  afterDatasetsDraw(chart) {
    const { ctx } = chart;
    const cap = 4;
    chart.data.datasets.forEach((dataset, index) => {
      if (!dataset.errors || !chart.isDatasetVisible(index)) return;
      const along = dataset.errorAxis;
      const scale = chart.scales[along];
      ctx.save();
      ctx.strokeStyle = dataset.errorColor;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      chart.getDatasetMeta(index).data.forEach((element, i) => {
        const error = dataset.errors[i];
        if (!error) return;
        const low = scale.getPixelForValue(error.low);
        const high = scale.getPixelForValue(error.high);
        const at = along === "x" ? element.y : element.x;
        const line = (a, b, c, d) => {
          if (along === "x") { ctx.moveTo(a, b); ctx.lineTo(c, d); } else { ctx.moveTo(b, a); ctx.lineTo(d, c); }
        };
        line(low, at, high, at);
        line(low, at - cap, low, at + cap);
        line(high, at - cap, high, at + cap);
      });
      ctx.stroke();
      ctx.restore();
    });
  },
};

// Writes pointLabels[i] beside each point, where it covers neither another label nor the edge; the space
// right of, left of, above and below the point is tried in that order.
const pointLabels = {
  id: "pointLabels",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea: area } = chart;
    const taken = [];
    const gap = 9, height = 14;
    const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
    ctx.save();
    ctx.font = `12px ${Chart.defaults.font.family}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    chart.data.datasets.forEach((dataset, index) => {
      if (!dataset.pointLabels) return;
      const elements = chart.getDatasetMeta(index).data;
      elements.forEach((e) => taken.push({ x: e.x - 5, y: e.y - 5, w: 10, h: 10 }));
      elements.forEach((element, i) => {
        const w = ctx.measureText(dataset.pointLabels[i]).width;
        const { x, y } = element;
        const places = [];
        for (const shift of [0, -height, height, -2 * height, 2 * height, -3 * height, 3 * height]) {
          places.push({ x: x + gap, y: y - height / 2 + shift, w, h: height });
          places.push({ x: x - gap - w, y: y - height / 2 + shift, w, h: height });
        }
        const free = (box) => box.x >= area.left && box.x + box.w <= area.right && box.y >= area.top - height &&
          box.y + box.h <= area.bottom + 2 && !taken.some((other) => overlap(box, other));
        const box = places.find(free) || places[0];
        taken.push(box);
        ctx.fillStyle = dataset.labelColor;
        ctx.fillText(dataset.pointLabels[i], box.x, box.y + height / 2);
      });
    });
    ctx.restore();
  },
};
