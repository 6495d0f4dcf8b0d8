// What ICMP errors become.

#include "stack/kern/protosw.h"

namespace splnet {

Errno ctlerrno(CtlInput cmd) {
  switch (cmd) {
    case CtlInput::kMsgSize:
    case CtlInput::kUnreachNeedFrag:
      return kEMSGSIZE;
    case CtlInput::kHostDead:
      return kEHOSTDOWN;
    case CtlInput::kUnreachNet:
    case CtlInput::kUnreachHost:
    case CtlInput::kUnreachSrcFail:
    case CtlInput::kUnreachAdmin:
      return kEHOSTUNREACH;
    case CtlInput::kUnreachProtocol:
    case CtlInput::kUnreachPort:
      return kECONNREFUSED;
    case CtlInput::kParamProb:
      return kENOPROTOOPT;
    case CtlInput::kQuench:
    case CtlInput::kTimxceedInTrans:
    case CtlInput::kTimxceedReass:
      return kOk;
  }
  return kOk;
}

}  // namespace splnet
