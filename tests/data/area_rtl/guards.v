// Redundancy, ranges, statistics, memories.
module tmr_voter #(parameter W = 8) (input [W-1:0] a, input [W-1:0] b, input [W-1:0] c, output [W-1:0] y);
  assign y = (a & b) | (b & c) | (a & c);
endmodule

module tmr_voter_flag #(parameter W = 8)
    (input [W-1:0] a, input [W-1:0] b, input [W-1:0] c, output [W-1:0] y, output flag);
  assign y = (a & b) | (b & c) | (a & c);
  assign flag = (a != b) | (b != c);
endmodule

module dmr_comparator #(parameter W = 8) (input [W-1:0] a, input [W-1:0] b, output flag);
  assign flag = a != b;
endmodule

module relu #(parameter W = 8) (input signed [W-1:0] x, output [W-1:0] y);
  assign y = x[W-1] ? {W{1'b0}} : x;
endmodule

module range_clamp #(parameter W = 8)
    (input signed [W-1:0] x, input signed [W-1:0] lo, input signed [W-1:0] hi, output signed [W-1:0] y,
     output flag);
  wire below = x < lo, above = x > hi;
  assign y = below ? lo : above ? hi : x;
  assign flag = below | above;
endmodule

module range_zero #(parameter W = 8)
    (input signed [W-1:0] x, input signed [W-1:0] lo, input signed [W-1:0] hi, output signed [W-1:0] y,
     output flag);
  assign flag = (x < lo) | (x > hi);
  assign y = flag ? {W{1'b0}} : x;
endmodule

module range_clamp_regs #(parameter W = 8)
    (input clk, input load_lo, input load_hi, input signed [W-1:0] threshold, input signed [W-1:0] x,
     output signed [W-1:0] y, output flag);
  reg signed [W-1:0] lo, hi;
  always @(posedge clk) begin
    if (load_lo) lo <= threshold;
    if (load_hi) hi <= threshold;
  end
  range_clamp #(.W(W)) clamp (.x(x), .lo(lo), .hi(hi), .y(y), .flag(flag));
endmodule

module range_clamp_hi_reg #(parameter W = 8)
    (input clk, input load, input signed [W-1:0] threshold, input signed [W-1:0] x, output signed [W-1:0] y,
     output flag);
  reg signed [W-1:0] hi;
  always @(posedge clk) if (load) hi <= threshold;
  assign flag = x > hi;
  assign y = flag ? hi : x;
endmodule

// Gradient x - previous against two thresholds; zeroed where it is outside.
module grad_lane #(parameter W = 8, parameter REGS = 1)
    (input clk, input load_lo, input load_hi, input enable, input signed [W:0] threshold,
     input signed [W:0] lo_in, input signed [W:0] hi_in, input signed [W-1:0] previous_in,
     input signed [W-1:0] x, output signed [W-1:0] y, output flag);
  reg signed [W-1:0] previous_q;
  reg signed [W:0] lo_q, hi_q;
  wire signed [W-1:0] previous = REGS ? previous_q : previous_in;
  wire signed [W:0] lo = REGS ? lo_q : lo_in;
  wire signed [W:0] hi = REGS ? hi_q : hi_in;
  generate
    if (REGS) always @(posedge clk) begin
      if (load_lo) lo_q <= threshold;
      if (load_hi) hi_q <= threshold;
      previous_q <= x;
    end
  endgenerate
  wire signed [W:0] gradient = x - previous;
  assign flag = enable & ((gradient < lo) | (gradient > hi));
  assign y = flag ? {W{1'b0}} : x;
endmodule

module grad_lane2 #(parameter W = 8)
    (input clk, input load_lo, input load_hi, input enable, input signed [W:0] threshold,
     input signed [W-1:0] x_in, output signed [W-1:0] y, output flag);
  reg signed [W-1:0] x, previous;
  reg signed [W:0] lo, hi;
  always @(posedge clk) begin
    if (load_lo) lo <= threshold;
    if (load_hi) hi <= threshold;
    x <= x_in;
    previous <= x;
  end
  wire signed [W:0] left = x - previous;
  wire signed [W:0] right = x - x_in;
  assign flag = enable & ((left < lo) | (left > hi)) & ((right < lo) | (right > hi));
  assign y = flag ? {W{1'b0}} : x;
endmodule

module grad_stats #(parameter W = 8, parameter O = W + 16)
    (input clk, input clear, input enable, input signed [W-1:0] x, output reg [O-1:0] sum,
     output reg [W:0] maximum);
  reg signed [W-1:0] previous;
  wire signed [W:0] d = x - previous;
  wire [W:0] magnitude = d[W] ? -d : d;
  always @(posedge clk) begin
    previous <= x;
    if (clear) begin
      sum <= 0;
      maximum <= 0;
    end else if (enable) begin
      sum <= sum + magnitude;
      if (magnitude > maximum) maximum <= magnitude;
    end
  end
endmodule

module sort2 #(parameter W = 8)
    (input signed [W-1:0] a, input signed [W-1:0] b, output signed [W-1:0] lo, output signed [W-1:0] hi);
  wire swap = a > b;
  assign lo = swap ? b : a;
  assign hi = swap ? a : b;
endmodule

module median3 #(parameter W = 8) (input [3*W-1:0] x, output [W-1:0] y);
  wire [W-1:0] lo, hi, least, unused_0, unused_1;
  sort2 #(.W(W)) s0 (.a(x[0*W+:W]), .b(x[1*W+:W]), .lo(lo), .hi(hi));
  sort2 #(.W(W)) s1 (.a(hi), .b(x[2*W+:W]), .lo(least), .hi(unused_0));
  sort2 #(.W(W)) s2 (.a(lo), .b(least), .lo(unused_1), .hi(y));
endmodule

// Devillard's networks: 7 and 19 compare-exchanges.
module median5 #(parameter W = 8) (input [5*W-1:0] x, output [W-1:0] y);
  localparam N = 7;
  localparam [8*N-1:0] PAIRS = {8'h12, 8'h23, 8'h12, 8'h14, 8'h03, 8'h34, 8'h01};
  wire [5*W-1:0] stage[0:N];
  assign stage[0] = x;
  genvar i, j;
  generate
    for (i = 0; i < N; i = i + 1) begin : step
      localparam A = PAIRS[8*i+4+:4];
      localparam B = PAIRS[8*i+:4];
      for (j = 0; j < 5; j = j + 1) begin : keep
        if (j != A && j != B) assign stage[i+1][j*W+:W] = stage[i][j*W+:W];
      end
      sort2 #(.W(W)) s (.a(stage[i][A*W+:W]), .b(stage[i][B*W+:W]), .lo(stage[i+1][A*W+:W]),
                        .hi(stage[i+1][B*W+:W]));
    end
  endgenerate
  assign y = stage[N][2*W+:W];
endmodule

module median9 #(parameter W = 8) (input [9*W-1:0] x, output [W-1:0] y);
  localparam N = 19;
  localparam [8*N-1:0] PAIRS = {8'h42, 8'h64, 8'h42, 8'h47, 8'h25, 8'h14, 8'h36, 8'h47, 8'h58, 8'h03,
                                8'h78, 8'h45, 8'h12, 8'h67, 8'h34, 8'h01, 8'h78, 8'h45, 8'h12};
  wire [9*W-1:0] stage[0:N];
  assign stage[0] = x;
  genvar i, j;
  generate
    for (i = 0; i < N; i = i + 1) begin : step
      localparam A = PAIRS[8*i+4+:4];
      localparam B = PAIRS[8*i+:4];
      for (j = 0; j < 9; j = j + 1) begin : keep
        if (j != A && j != B) assign stage[i+1][j*W+:W] = stage[i][j*W+:W];
      end
      sort2 #(.W(W)) s (.a(stage[i][A*W+:W]), .b(stage[i][B*W+:W]), .lo(stage[i+1][A*W+:W]),
                        .hi(stage[i+1][B*W+:W]));
    end
  endgenerate
  assign y = stage[N][4*W+:W];
endmodule

module regfile #(parameter W = 8, parameter D = 16, parameter A = $clog2(D))
    (input clk, input write, input [A-1:0] waddr, input [A-1:0] raddr, input [W-1:0] d, output [W-1:0] q);
  reg [W-1:0] memory[0:D-1];
  always @(posedge clk) if (write) memory[waddr] <= d;
  assign q = memory[raddr];
endmodule

module shift_fifo #(parameter W = 8, parameter D = 8) (input clk, input en, input [W-1:0] d, output [W-1:0] q);
  reg [D*W-1:0] stages;
  always @(posedge clk) if (en) stages <= {stages, d};
  assign q = stages[D*W-1-:W];
endmodule

module requant #(parameter W = 32, parameter MW = 16)
    (input signed [W-1:0] accumulator, input signed [W-1:0] bias, input [MW-1:0] multiplier,
     input [5:0] shift, input signed [7:0] zero_point, output signed [7:0] y);
  wire signed [W:0] biased = accumulator + bias;
  wire signed [W+MW+1:0] product;
  mul #(.W(W+1), .V(MW+1)) m (.a(biased), .b({1'b0, multiplier}), .p(product));
  wire signed [W+MW+1:0] rounded = product + (shift == 0 ? 0 : ({{(W+MW+1){1'b0}}, 1'b1} << (shift - 6'd1)));
  wire signed [W+MW+1:0] shifted = rounded >>> shift;
  wire signed [W+MW+2:0] moved = shifted + zero_point;
  assign y = moved > 127 ? 8'sd127 : moved < -128 ? -8'sd128 : moved[7:0];
endmodule

module requant_fix #(parameter W = 32, parameter MW = 16)
    (input signed [W-1:0] accumulator, input signed [W-1:0] bias, input [MW-1:0] multiplier,
     input [3:0] shift, output signed [7:0] y);
  wire signed [W:0] biased = accumulator + bias;
  wire signed [W+MW+1:0] product;
  mul #(.W(W+1), .V(MW+1)) m (.a(biased), .b({1'b0, multiplier}), .p(product));
  wire signed [W+MW-14:0] taken = product >>> 15;
  wire signed [W+MW-14:0] shifted = (taken + ((1 << shift) >> 1)) >>> shift;
  assign y = shifted > 127 ? 8'sd127 : shifted < -128 ? -8'sd128 : shifted[7:0];
endmodule
