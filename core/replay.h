// Replay: work that is called again and again on the same tensors, recorded once.
//
// The first call runs the work as it is, so that plans and buffers exist; the second captures it;
// from then on the recording is replayed, without the host's part of each launch. On a device that
// gains nothing by that, every call runs the work.
#pragma once

#include <functional>
#include <memory>

#include "core/device.h"

namespace saddle {

class Replay {
 public:
  // `work` must ask the same of the device each time, and keep the tensors it uses alive between
  // calls or make them itself. What it does on the host happens in the first two calls only.
  void operator()(Device& device, const std::function<void()>& work) {
    if (!device.captures() || !warm_) {
      work();
      warm_ = true;
      return;
    }
    if (!graph_) graph_ = device.capture(work);
    graph_->replay();
  }

 private:
  bool warm_ = false;
  std::unique_ptr<Graph> graph_;
};

}  // namespace saddle
