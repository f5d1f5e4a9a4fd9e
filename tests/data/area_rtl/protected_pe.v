// The weight-stationary PE with its registers or all of it protected. W: bits of weight and activation.
// keep_hierarchy stops Yosys from merging copies that are equal as long as nothing is upset.

module prot_pe_base #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation, output [ACC-1:0] sum);
  pe_ws #(.W(W), .ACC(ACC)) pe (.clk(clk), .load(load), .weight_in(weight_in), .activation_in(activation_in),
                                .sum_in(sum_in), .activation(activation), .sum(sum));
endmodule

// A parity bit a register, made in front of it and checked behind it, where it is read; one error wire.
module prot_pe_parity #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output reg [W-1:0] activation, output reg [ACC-1:0] sum, output error);
  reg [W-1:0] weight;
  reg weight_parity, activation_parity, sum_parity;
  wire [ACC-1:0] next;
  mac #(.W(W), .ACC(ACC)) mac (.weight(weight), .activation(activation), .sum_in(sum_in), .sum_out(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    if (load) weight_parity <= ^weight_in;
    activation <= activation_in;
    activation_parity <= ^activation_in;
    sum <= next;
    sum_parity <= ^next;
  end
  assign error = (^weight ^ weight_parity) | (^activation ^ activation_parity) | (^sum ^ sum_parity);
endmodule

// Hsiao SECDED: encoder in front of the register, decoder behind it; R check bits of a word of W bits, RS of
// ACC bits.
module prot_pe_secded_w #(parameter W = 8, parameter R = 5, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output reg [W-1:0] activation, output reg [ACC-1:0] sum, output single, output double);
  reg [W-1:0] weight;
  reg [R-1:0] weight_check;
  wire [R-1:0] weight_code;
  wire [W-1:0] weight_read;
  wire [ACC-1:0] next;
  hsiao_enc #(.W(W), .R(R)) enc (.d(weight_in), .c(weight_code));
  hsiao_dec #(.W(W), .R(R)) dec (.d(weight), .c(weight_check), .q(weight_read), .single(single), .double(double));
  mac #(.W(W), .ACC(ACC)) mac (.weight(weight_read), .activation(activation), .sum_in(sum_in), .sum_out(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    if (load) weight_check <= weight_code;
    activation <= activation_in;
    sum <= next;
  end
endmodule

module prot_pe_secded_all #(parameter W = 8, parameter R = 5, parameter ACC = 32, parameter RS = 7)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation_out, output [ACC-1:0] sum_out, output single, output double);
  reg [W-1:0] weight, activation;
  reg [R-1:0] weight_check, activation_check;
  reg [ACC-1:0] sum;
  reg [RS-1:0] sum_check;
  wire [R-1:0] weight_code, activation_code;
  wire [RS-1:0] sum_code;
  wire [W-1:0] weight_read;
  wire [ACC-1:0] next;
  wire [2:0] singles, doubles;
  hsiao_enc #(.W(W), .R(R)) we (.d(weight_in), .c(weight_code));
  hsiao_dec #(.W(W), .R(R)) wd (.d(weight), .c(weight_check), .q(weight_read), .single(singles[0]), .double(doubles[0]));
  hsiao_enc #(.W(W), .R(R)) ae (.d(activation_in), .c(activation_code));
  hsiao_dec #(.W(W), .R(R)) ad (.d(activation), .c(activation_check), .q(activation_out), .single(singles[1]), .double(doubles[1]));
  hsiao_enc #(.W(ACC), .R(RS)) se (.d(next), .c(sum_code));
  hsiao_dec #(.W(ACC), .R(RS)) sd (.d(sum), .c(sum_check), .q(sum_out), .single(singles[2]), .double(doubles[2]));
  mac #(.W(W), .ACC(ACC)) mac (.weight(weight_read), .activation(activation_out), .sum_in(sum_in), .sum_out(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    if (load) weight_check <= weight_code;
    activation <= activation_in;
    activation_check <= activation_code;
    sum <= next;
    sum_check <= sum_code;
  end
  assign single = |singles;
  assign double = |doubles;
endmodule

(* keep_hierarchy *)
module kept_register #(parameter W = 8, parameter EN = 0) (input clk, input load, input [W-1:0] d, output reg [W-1:0] q);
  always @(posedge clk) if (!EN || load) q <= d;
endmodule

// A register once or (T) three times with a voter behind.
module voted_register #(parameter W = 8, parameter T = 1, parameter EN = 0)
    (input clk, input load, input [W-1:0] d, output [W-1:0] q);
  wire [W-1:0] a, b, c;
  kept_register #(.W(W), .EN(EN)) ra (.clk(clk), .load(load), .d(d), .q(a));
  generate
    if (T) begin : three
      kept_register #(.W(W), .EN(EN)) rb (.clk(clk), .load(load), .d(d), .q(b));
      kept_register #(.W(W), .EN(EN)) rc (.clk(clk), .load(load), .d(d), .q(c));
      tmr_voter #(.W(W)) voter (.a(a), .b(b), .c(c), .y(q));
    end else assign q = a;
  endgenerate
endmodule

// Weight, activation and sum register voted or not (TW, TA, TS).
module prot_pe_tmr_some #(parameter W = 8, parameter ACC = 32, parameter TW = 1, parameter TA = 1, parameter TS = 1)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation, output [ACC-1:0] sum);
  wire [W-1:0] weight;
  wire [ACC-1:0] next;
  voted_register #(.W(W), .T(TW), .EN(1)) w (.clk(clk), .load(load), .d(weight_in), .q(weight));
  voted_register #(.W(W), .T(TA)) a (.clk(clk), .load(load), .d(activation_in), .q(activation));
  voted_register #(.W(ACC), .T(TS)) s (.clk(clk), .load(load), .d(next), .q(sum));
  mac #(.W(W), .ACC(ACC)) mac (.weight(weight), .activation(activation), .sum_in(sum_in), .sum_out(next));
endmodule

(* keep_hierarchy *)
module kept_pe #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation, output [ACC-1:0] sum);
  pe_ws #(.W(W), .ACC(ACC)) pe (.clk(clk), .load(load), .weight_in(weight_in), .activation_in(activation_in),
                                .sum_in(sum_in), .activation(activation), .sum(sum));
endmodule

// Three PEs, voters on both outputs.
module prot_pe_tmr #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation, output [ACC-1:0] sum);
  wire [3*W-1:0] a;
  wire [3*ACC-1:0] s;
  genvar i;
  generate
    for (i = 0; i < 3; i = i + 1) begin : copy
      kept_pe #(.W(W), .ACC(ACC)) pe (.clk(clk), .load(load), .weight_in(weight_in), .activation_in(activation_in),
                                      .sum_in(sum_in), .activation(a[i*W+:W]), .sum(s[i*ACC+:ACC]));
    end
  endgenerate
  tmr_voter #(.W(W)) va (.a(a[0+:W]), .b(a[W+:W]), .c(a[2*W+:W]), .y(activation));
  tmr_voter #(.W(ACC)) vs (.a(s[0+:ACC]), .b(s[ACC+:ACC]), .c(s[2*ACC+:ACC]), .y(sum));
endmodule

// Two PEs, comparators on both outputs.
module prot_pe_dmr #(parameter W = 8, parameter ACC = 32)
    (input clk, input load, input [W-1:0] weight_in, input [W-1:0] activation_in, input [ACC-1:0] sum_in,
     output [W-1:0] activation, output [ACC-1:0] sum, output error);
  wire [W-1:0] other_activation;
  wire [ACC-1:0] other_sum;
  kept_pe #(.W(W), .ACC(ACC)) first (.clk(clk), .load(load), .weight_in(weight_in), .activation_in(activation_in),
                                     .sum_in(sum_in), .activation(activation), .sum(sum));
  kept_pe #(.W(W), .ACC(ACC)) second (.clk(clk), .load(load), .weight_in(weight_in), .activation_in(activation_in),
                                      .sum_in(sum_in), .activation(other_activation), .sum(other_sum));
  dmr_comparator #(.W(W + ACC)) compare (.a({activation, sum}), .b({other_activation, other_sum}), .flag(error));
endmodule
