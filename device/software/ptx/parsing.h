// The parser's state: one token of look-ahead, the names in scope, and a failure that sticks. Internal to
// parser.cpp (module level) and statements.cpp (function bodies).
#pragma once
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "device/software/ptx/ast.h"
#include "device/software/ptx/lexer.h"
#include "device/software/ptx/modifiers.h"
#include "device/software/ptx/parser.h"

namespace ptx {

bool is_always_zero(std::string_view special_register);

inline constexpr uint32_t nowhere = ~uint32_t{0};  // the place of a label that was used and not defined yet

class Parsing {
 public:
  Parsing(std::string_view text, Module& module, Error& error) : lexer_(text), module_(module), error_(error) {}
  bool run();

 private:
  struct Linkage {
    bool visible = false, is_extern = false, weak = false;
  };
  struct Symbol {
    Operand::Kind kind;  // reg, vector (of registers), symbol or function
    uint32_t index;
    uint32_t lanes = 1;  // of a vector
  };
  struct Scope {  // a function body or a nested { }
    std::unordered_map<std::string, Symbol> names;
    std::unordered_map<std::string, uint32_t> labels;
  };

  void fail(std::string text);
  void advance();
  bool accept(char c);
  bool accept_dot(std::string_view name);
  void expect(char c);
  std::string name();
  uint64_t integer();  // a constant expression
  struct Constant {
    uint64_t value = 0;  // of a real: the bits of a double
    bool is_signed = true, real = false, single = false;
  };
  // `sign`, one of - + ! ~, stood before it and was read already; 0: none.
  Constant expression(char sign = 0);
  Constant binary(int lowest, char sign = 0);
  Constant unary(char sign = 0);
  Constant primary();
  Constant computed(const std::string& what, Constant a, Constant b);

  void directive();
  void alias();
  void skip_line();
  void version();
  void skip_section();
  void skip_attribute();
  Linkage linking();
  void declare(Variable variable);
  std::vector<Variable> variables(Space space, const Linkage& linkage);
  void take_type(Variable& variable, Type type);
  void properties(Variable& variable);
  void attributes(Variable& variable);
  void pointer_attributes();
  uint64_t dimensions(uint64_t element);
  void initialiser(Variable& variable);
  void initial_value(Variable& variable);
  void relocation(Variable& variable, unsigned size);
  std::vector<Variable> parameters();
  void lay_out(Function& function);
  void function(const Linkage& linkage);
  uint32_t reserve(const Function& function);
  void triple(uint32_t (&numbers)[3]);
  void performance(Function& function);

  void body(Function& function);
  void open_scope();
  void close_scope();
  void statement();
  void statement_directive();
  void registers();
  void add_register(const std::string& text, Type type, unsigned lanes);
  void add_variable(Variable variable);
  void instruction(Guard guard);
  void guarded();
  void call_operands(Instruction& instruction);
  int64_t declare_parameter(const Variable& declared);
  void load_parameter(uint32_t variable, int64_t number);
  void store_results(Guard guard, uint32_t line);
  const std::vector<Variable>* declared_by(const Instruction& call, bool results) const;
  void pass_by_variables(Instruction& call);
  void branch_targets(Instruction& instruction);
  void named_list(const std::string& text);
  Operand operand();
  Operand word_operand();
  Operand vector_register(const Symbol& symbol);
  void selector(Operand& operand);
  Operand constant(char sign = 0);
  Operand special(const std::string& text);
  Operand address();
  Operand vector();
  Operand label(const std::string& text);
  uint32_t label_of_scope(const std::string& text);
  void define_label(const std::string& text);
  const Symbol* look_up(const std::string& text) const;

  Lexer lexer_;
  Module& module_;
  Error& error_;
  Token token_;
  bool failed_ = false;
  bool minus_ = false;  // the instruction may negate registers: vmad
  int depth_ = 0;       // of parentheses in a constant expression
  std::unordered_map<std::string, Symbol> module_names_;
  Function* function_ = nullptr;
  std::vector<Scope> scopes_;
  std::vector<std::pair<uint32_t, uint32_t>> result_registers_;  // of the function: variable, register
  std::vector<Instruction> after_call_;                          // what brings results from variables to registers
  std::vector<uint32_t> label_lines_;  // of each label's first use, for the message when it is nowhere
};

}  // namespace ptx
