// Two small plugins for Chart.js 3: error bars and point labels.
"use strict";

// Draws an interval at each data point, over bars and under dots. A dataset asks for it with
//   errors: [{low, high} or null, …]   in the units of the axis
//   errorAxis: "x" or "y"              along which the interval lies
//   errorColor: CSS colour
const errorBars = {
  id: "errorBars",
  beforeDatasetsDraw(chart) { if (chart.config.type !== "bar") errorBars.draw(chart); },
  afterDatasetsDraw(chart) { if (chart.config.type === "bar") errorBars.draw(chart); },

  // Calls visit(low, high, at, dataset) for each interval, in pixels along and across its axis.
  forEach(chart, visit) {
    chart.data.datasets.forEach((dataset, index) => {
      if (!dataset.errors || !chart.isDatasetVisible(index)) return;
      const scale = chart.scales[dataset.errorAxis];
      chart.getDatasetMeta(index).data.forEach((element, i) => {
        const error = dataset.errors[i];
        if (!error) return;
        visit(scale.getPixelForValue(error.low), scale.getPixelForValue(error.high),
          dataset.errorAxis === "x" ? element.y : element.x, dataset);
      });
    });
  },

  draw(chart) {
    const { ctx } = chart;
    const cap = 4;
    ctx.save();
    ctx.lineWidth = 1.5;
    errorBars.forEach(chart, (low, high, at, dataset) => {
      const line = (a, b, c, d) => {
        if (dataset.errorAxis === "x") { ctx.moveTo(a, b); ctx.lineTo(c, d); } else { ctx.moveTo(b, a); ctx.lineTo(d, c); }
      };
      ctx.strokeStyle = dataset.errorColor;
      ctx.beginPath();
      line(low, at, high, at);
      line(low, at - cap, low, at + cap);
      line(high, at - cap, high, at + cap);
      ctx.stroke();
    });
    ctx.restore();
  },
};

// Writes pointLabels[i] beside each point, at the first place that covers no label, point, interval or edge:
// right of the point, left of it, then further up and down.
const pointLabels = {
  id: "pointLabels",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea: area } = chart;
    const taken = [], intervals = [];
    const gap = 9, height = 14;
    errorBars.forEach(chart, (low, high, at) => {
      intervals.push({ x: at - 2, y: Math.min(low, high), w: 4, h: Math.abs(high - low) });
    });
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
        const clear = (box) => free(box) && !intervals.some((other) => overlap(box, other));
        const box = places.find(clear) || places.find(free) || places[0];
        taken.push(box);
        ctx.strokeStyle = dataset.labelHalo;
        ctx.lineWidth = 3;
        ctx.strokeText(dataset.pointLabels[i], box.x, box.y + height / 2);
        ctx.fillStyle = dataset.labelColor;
        ctx.fillText(dataset.pointLabels[i], box.x, box.y + height / 2);
      });
    });
    ctx.restore();
  },
};
