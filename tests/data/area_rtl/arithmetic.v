// Arithmetic and the processing elements. Multiplier and adder are modules of their own, so that Yosys does
// not merge them into one compressor tree.
module mul #(parameter W = 8, parameter V = W)
    (input signed [W-1:0] a, input signed [V-1:0] b, output signed [W+V-1:0] p);
  assign p = a * b;
endmodule

module adder #(parameter W = 32) (input [W-1:0] a, input [W-1:0] b, output [W-1:0] s);
  assign s = a + b;
endmodule

module dff #(parameter W = 8) (input clk, input [W-1:0] d, output reg [W-1:0] q);
  always @(posedge clk) q <= d;
endmodule

module dff_en #(parameter W = 8) (input clk, input en, input [W-1:0] d, output reg [W-1:0] q);
  always @(posedge clk) if (en) q <= d;
endmodule

// sum + weight * activation; V: bits of the activation.
module mac #(parameter W = 8, parameter V = W, parameter ACC = 32)
    (input signed [W-1:0] weight, input signed [V-1:0] activation, input signed [ACC-1:0] sum_in,
     output signed [ACC-1:0] sum_out);
  wire signed [W+V-1:0] product;
  mul #(.W(W), .V(V)) multiplier (.a(weight), .b(activation), .p(product));
  wire signed [ACC-1:0] extended = product;
  adder #(.W(ACC)) add (.a(sum_in), .b(extended), .s(sum_out));
endmodule

// Weight stationary. The activation is registered on its way to the right, the sum on its way down.
module pe_ws #(parameter W = 8, parameter V = W, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [V-1:0] activation_in, input [ACC-1:0] sum_in,
     output reg [V-1:0] activation, output reg [ACC-1:0] sum);
  reg [W-1:0] weight;
  wire [ACC-1:0] next;
  mac #(.W(W), .V(V), .ACC(ACC)) mac (.weight(weight), .activation(activation), .sum_in(sum_in), .sum_out(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    activation <= activation_in;
    sum <= next;
  end
endmodule

module pe_ws_merged #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input signed [W-1:0] weight_in, input signed [W-1:0] activation_in,
     input signed [ACC-1:0] sum_in, output reg signed [W-1:0] activation, output reg signed [ACC-1:0] sum);
  reg signed [W-1:0] weight;
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    activation <= activation_in;
    sum <= sum_in + weight * activation;
  end
endmodule

// Two weights: one is loaded while the other is used.
module pe_ws_db #(parameter W = 8, parameter ACC = 32)
    (input clk, input load_0, input load_1, input select, input [W-1:0] weight_in,
     input [W-1:0] activation_in, input [ACC-1:0] sum_in, output reg [W-1:0] activation,
     output reg [ACC-1:0] sum);
  reg [W-1:0] weight_0, weight_1;
  wire [ACC-1:0] next;
  mac #(.W(W), .ACC(ACC)) mac (.weight(select ? weight_1 : weight_0), .activation(activation), .sum_in(sum_in),
                               .sum_out(next));
  always @(posedge clk) begin
    if (load_0) weight_0 <= weight_in;
    if (load_1) weight_1 <= weight_in;
    activation <= activation_in;
    sum <= next;
  end
endmodule

// Output stationary, with clear and a drain chain through the accumulators.
module pe_os #(parameter W = 8, parameter ACC = 32)
    (input clk, input clear, input drain, input enable, input [W-1:0] weight_in, input [W-1:0] activation_in,
     input [ACC-1:0] drain_in, output reg [W-1:0] weight, output reg [W-1:0] activation,
     output reg [ACC-1:0] sum);
  wire [ACC-1:0] next;
  mac #(.W(W), .ACC(ACC)) mac (.weight(weight), .activation(activation), .sum_in(clear ? {ACC{1'b0}} : sum),
                               .sum_out(next));
  always @(posedge clk) begin
    weight <= weight_in;
    activation <= activation_in;
    if (drain) sum <= drain_in;
    else if (enable) sum <= next;
  end
endmodule

// Sum of N values, full precision: a chain of pairs, level by level.
module csum_tree #(parameter W = 32, parameter N = 16, parameter O = W + $clog2(N))
    (input [N*W-1:0] x, output [O-1:0] y);
  generate
    if (N == 1) assign y = {{(O-W){x[W-1]}}, x};
    else begin : split
      localparam L = N / 2;
      wire [W+$clog2(L)-1:0] left;
      wire [W+$clog2(N-L)-1:0] right;
      csum_tree #(.W(W), .N(L)) l (.x(x[L*W-1:0]), .y(left));
      csum_tree #(.W(W), .N(N-L)) r (.x(x[N*W-1:L*W]), .y(right));
      adder #(.W(O)) add (.a({{(O-W-$clog2(L)){left[W+$clog2(L)-1]}}, left}),
                          .b({{(O-W-$clog2(N-L)){right[W+$clog2(N-L)-1]}}, right}), .s(y));
    end
  endgenerate
endmodule

module csum_acc_seq #(parameter W = 32, parameter O = W + 4)
    (input clk, input clear, input signed [W-1:0] x, output reg signed [O-1:0] sum);
  always @(posedge clk) sum <= (clear ? {O{1'b0}} : sum) + {{(O-W){x[W-1]}}, x};
endmodule

module popcount #(parameter W = 8, parameter O = $clog2(W + 1)) (input [W-1:0] x, output reg [O-1:0] y);
  integer i;
  always @* begin
    y = 0;
    for (i = 0; i < W; i = i + 1) y = y + x[i];
  end
endmodule
