// The processes of the simulated host that make a script's system calls.
//
// One makes the calls that must not wait, one after another; each call that may
// wait has a process of its own, with the descriptor that it works on.

#ifndef SPLNET_TOOLS_DRILL_CALLER_H_
#define SPLNET_TOOLS_DRILL_CALLER_H_

#include "stack/kern/waitchan.h"
#include "tools/drill/call.h"
#include "tools/drill/host.h"

namespace splnet::drill {

class Caller {
 public:
  explicit Caller(DrillHost& host);
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // The process that has the script's descriptors.
  Process& process() { return *process_; }

  // Makes `call`, which stays where it is until it is done or the host is gone.
  // If it need not wait it is done when this returns.
  void Make(Call& call);
  // Makes `call` beside what else happens.
  void MakeBeside(Call& call);

 private:
  // What the first process is to do next.
  struct Work {
    WaitChannel channel;
    Call* next = nullptr;
  };
  struct NextOp;

  static Task<int> Serve(Process& p, Work* work);
  static Task<int> MakeOne(Process& p, Call* call);

  DrillHost& host_;
  Work work_;
  Process* process_;
};

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_CALLER_H_
