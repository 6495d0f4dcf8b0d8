// Expressions as numbers, addresses and counts.

#include "tools/drill/call_args.h"

#include "tools/drill/notation.h"
#include "tools/drill/symbols.h"

namespace splnet::drill {
namespace {

int64_t EvaluateSymbol(const std::string& name, std::string* error) {
  if (const std::optional<int64_t> value = FindSymbol(name)) return *value;
  *error = "the symbol " + name + " is not known";
  return 0;
}

int64_t EvaluateCall(const Expr& expr, std::string* error) {
  const bool swaps = expr.text == "htons" || expr.text == "htonl";
  if (swaps && expr.items.size() == 1) return Evaluate(expr.items[0], error);
  if (expr.text == "inet_addr" && expr.items.size() == 1 &&
      expr.items[0].kind == Expr::Kind::kString) {
    if (const auto addr = ParseAddr(expr.items[0].text)) return addr->v4();
    *error = "\"" + expr.items[0].text + "\" is no IPv4 address";
    return 0;
  }
  *error =
      expr.text + "() is not known here: use htons(), htonl(), inet_addr()";
  return 0;
}

}  // namespace

int64_t Evaluate(const Expr& expr, std::string* error) {
  switch (expr.kind) {
    case Expr::Kind::kInteger:
      return expr.integer;
    case Expr::Kind::kSymbol:
      return EvaluateSymbol(expr.text, error);
    case Expr::Kind::kCall:
      return EvaluateCall(expr, error);
    case Expr::Kind::kOr: {
      int64_t value = 0;
      for (const Expr& item : expr.items) value |= Evaluate(item, error);
      return value;
    }
    default:
      *error = ExprText(expr) + " is no number";
      return 0;
  }
}

const Expr* FindField(const Expr& expr, std::string_view name) {
  for (const Expr& item : expr.items) {
    if (item.field == name) return &item;
  }
  return nullptr;
}

const Expr* FieldAt(const Expr& expr, std::string_view name, size_t place) {
  if (const Expr* const named = FindField(expr, name)) return named;
  if (place >= expr.items.size()) return nullptr;
  const Expr& item = expr.items[place];
  return item.field.empty() ? &item : nullptr;
}

void ArgReader::Fail(size_t i, const std::string& what) {
  if (!error_.empty()) return;
  error_ =
      "argument " + std::to_string(i + 1) + " of " + call_.name + "(): " + what;
}

void ArgReader::Descriptor(const CallContext& context, Call& call) {
  call.script_fd = static_cast<int>(Int(0));
  call.fd = context.Descriptor(call.script_fd);
}

int64_t ArgReader::ValueOf(size_t i, const Expr& expr) {
  std::string error;
  const int64_t value = Evaluate(expr, &error);
  if (!error.empty()) Fail(i, error);
  return value;
}

bool ArgReader::IsStruct(size_t i, const Expr& expr, const StructType& type,
                         const char* form) {
  if (expr.kind != Expr::Kind::kStruct) {
    Fail(i, ExprText(expr) + " is no struct " + std::string(type.name) +
                ": give " + form);
    return false;
  }
  const std::string error = CheckFieldNames(type, expr);
  if (!error.empty()) Fail(i, error);
  return error.empty();
}

void ArgReader::Expected(size_t i, const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kEllipsis:
    case Expr::Kind::kString:
      return;
    case Expr::Kind::kList:
    case Expr::Kind::kStruct:
      for (const Expr& item : expr.items) Expected(i, item);
      return;
    default:
      ValueOf(i, expr);
  }
}

void ArgReader::ExpectedAddress(size_t i, const Expr& expr) {
  if (expr.kind != Expr::Kind::kStruct) return;
  const std::string error = CheckFieldNames(kStructSockaddr, expr);
  if (!error.empty()) Fail(i, error);
  Expected(i, expr);
}

int64_t ArgReader::Int(size_t i, int64_t otherwise) {
  return open(i) ? otherwise : ValueOf(i, at(i));
}

int64_t ArgReader::Int(size_t i) {
  if (open(i)) Fail(i, "a number is needed");
  return Int(i, 0);
}

size_t ArgReader::Count(size_t i, int64_t otherwise) {
  const int64_t n = Int(i, otherwise);
  if (n >= 0 && n <= kMaxCallBytes) return static_cast<size_t>(n);
  Fail(i, std::to_string(n) + " bytes are not between 0 and " +
              std::to_string(kMaxCallBytes));
  return 0;
}

Sockaddr ArgReader::Address(size_t i, const Sockaddr& otherwise) {
  return open(i) ? otherwise : AddressOf(i, at(i));
}

Sockaddr ArgReader::AddressOf(size_t i, const Expr& expr) {
  if (!IsStruct(i, expr, kStructSockaddr,
                "{sa_family=AF_INET, sin_port=htons(N), "
                "sin_addr=inet_addr(\"A\")}")) {
    return {};
  }
  Sockaddr addr;
  const Expr* family = FindField(expr, "sin_family");
  if (family == nullptr) family = FieldAt(expr, "sa_family", 0);
  const Expr* const port = FieldAt(expr, "sin_port", 1);
  const Expr* const host = FieldAt(expr, "sin_addr", 2);
  if (port != nullptr) addr.port = static_cast<uint16_t>(ValueOf(i, *port));
  if (host != nullptr) {
    addr.addr = InAddr::V4(static_cast<uint32_t>(ValueOf(i, *host)));
  } else {
    addr.addr = kInaddrAny;
  }
  if (family != nullptr) {
    addr.addr.family = static_cast<Family>(ValueOf(i, *family));
  }
  return addr;
}

void SetInteger(Expr& expr, int64_t value) {
  std::string error;
  if (expr.kind == Expr::Kind::kEllipsis) return;
  if (Evaluate(expr, &error) == value && error.empty()) return;
  Expr actual;
  actual.integer = value;
  actual.field = expr.field;
  actual.hex = expr.hex;
  expr = actual;
}

void SetField(Expr& expr, const StructType& type, std::string_view name,
              int64_t value) {
  for (size_t i = 0; i < expr.items.size(); ++i) {
    if (FieldName(type, expr, i) == name) SetInteger(expr.items[i], value);
  }
}

void SetAddress(Expr& expr, const Sockaddr& addr) {
  if (expr.kind != Expr::Kind::kStruct) return;
  SetField(expr, kStructSockaddr, "sa_family",
           static_cast<int64_t>(addr.family()));
  SetField(expr, kStructSockaddr, "sin_family",
           static_cast<int64_t>(addr.family()));
  SetField(expr, kStructSockaddr, "sin_port", addr.port);
  SetField(expr, kStructSockaddr, "sin_addr", addr.addr.v4());
}

}  // namespace splnet::drill
