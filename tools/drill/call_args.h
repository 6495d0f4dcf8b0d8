// Reads the arguments of a script's system calls.

#ifndef SPLNET_TOOLS_DRILL_CALL_ARGS_H_
#define SPLNET_TOOLS_DRILL_CALL_ARGS_H_

#include <cstdint>
#include <string>

#include "tools/drill/call.h"
#include "tools/drill/struct_fields.h"

namespace splnet::drill {

// Reads one argument after another; the first that is wrong is kept.
class ArgReader {
 public:
  explicit ArgReader(const SyscallEvent& call) : call_(call) {}

  // "", or "argument 2: ..." of the first error.
  const std::string& error() const { return error_; }
  bool ok() const { return error_.empty(); }

  bool has(size_t i) const { return i < call_.args.size(); }
  bool open(size_t i) const {  // absent, or "..."
    return !has(i) || call_.args[i].kind == Expr::Kind::kEllipsis;
  }
  const Expr& at(size_t i) const { return call_.args[i]; }

  // The first argument is a descriptor: sets call.script_fd and call.fd.
  void Descriptor(const CallContext& context, Call& call);
  // A number; `otherwise` where the argument is "..." or absent.
  int64_t Int(size_t i, int64_t otherwise);
  // A number that must be given.
  int64_t Int(size_t i);
  // A count of bytes, 0 to kMaxCallBytes.
  size_t Count(size_t i, int64_t otherwise);
  // An address and port; `otherwise` where the argument is "...".
  Sockaddr Address(size_t i, const Sockaddr& otherwise);

  // The same of an expression that is part of argument `i`.
  int64_t ValueOf(size_t i, const Expr& expr);
  Sockaddr AddressOf(size_t i, const Expr& expr);
  // Whether `expr`, part of argument `i`, is a struct of `type` with no other
  // fields than that has; `form` says how to write it.
  bool IsStruct(size_t i, const Expr& expr, const StructType& type,
                const char* form);
  // What the script expects to come back must be something that can: every
  // number in `expr`, a list, struct or value alone, has a known value.
  void Expected(size_t i, const Expr& expr);
  // The same of an address, which need not be given.
  void ExpectedAddress(size_t i, const Expr& expr);
  void Fail(size_t i, const std::string& what);

 private:
  const SyscallEvent& call_;
  std::string error_;
};

// The value of a number, symbol, "A | B" or "htons(N)"; else what is wrong with
// it in *error.
int64_t Evaluate(const Expr& expr, std::string* error);

// The field `name` of a struct; null if it has none.
const Expr* FindField(const Expr& expr, std::string_view name);
// The field `name`, or the one at `place` where fields have no names.
const Expr* FieldAt(const Expr& expr, std::string_view name, size_t place);

// Puts what came back in the place of what the script expects there; what is
// the same, and "...", stays as it is written.
void SetInteger(Expr& expr, int64_t value);
// The same of the field of a struct, by its name or its place, if it has it.
void SetField(Expr& expr, const StructType& type, std::string_view name,
              int64_t value);
// The same of an address.
void SetAddress(Expr& expr, const Sockaddr& addr);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_CALL_ARGS_H_
