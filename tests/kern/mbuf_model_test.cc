// Random operations on chains of random shapes against plain vectors of bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "stack/kern/mbuf.h"
#include "stack/kern/random.h"
#include "tests/testing/mbuf_chain.h"

namespace splnet {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Slice(const Bytes& bytes, size_t off, size_t len) {
  return Bytes(bytes.begin() + static_cast<ptrdiff_t>(off),
               bytes.begin() + static_cast<ptrdiff_t>(off + len));
}

// A chain and what it must hold.
class Model {
 public:
  Model(MbufPool& pool, RandomStream& random) : pool_(pool), random_(random) {
    std::vector<Piece> pieces;
    const size_t count = 1 + random_.Below(5);
    size_t total = 0;
    for (size_t i = 0; i < count; ++i) {
      Piece piece;
      piece.place = static_cast<Place>(random_.Below(3));
      piece.len = random_.Below(piece.place == Place::kInside ? kMhlen + 1
                                                              : size_t{3000});
      total += piece.len;
      pieces.push_back(piece);
    }
    header_ = random_.Chance(700000);
    bytes_ = PatternBytes(total, static_cast<uint8_t>(random_.Below(256)));
    m_ = MakeChain(pool_, pieces, bytes_, header_, &holders_);
    for (const MbufPtr& holder : holders_) held_.push_back(ChainBytes(*holder));
  }

  // One operation, named in `what`.  False when the chain is gone.
  bool Step(std::string& what) {
    const size_t n = bytes_.size();
    const size_t at = random_.Below(n + 1);
    switch (random_.Below(9)) {
      case 0:
        return Prepend(what);
      case 1:
        return Pullup(at, what);
      case 2:
        what = "trim_front";
        m_trim_front(*m_, at);
        bytes_ = Slice(bytes_, at, n - at);
        return true;
      case 3:
        what = "truncate";
        m_truncate(*m_, at);
        bytes_.resize(at);
        return true;
      case 4:
        return Copym(at, what);
      case 5:
        return Copyback(at, what);
      case 6:
        return Split(at, what);
      case 7:
        return Makewritable(at, what);
      default:
        if (!header_ || n > kMaxMclBytes) return true;
        what = "defrag";
        EXPECT_EQ(m_defrag(*m_, MWait::kDontWait), kOk);
        return true;
    }
  }

  // What is wrong; empty if nothing is.
  std::string Faults() const {
    if (std::string fault = ChainFaults(*m_); !fault.empty()) return fault;
    if (ChainBytes(*m_) != bytes_) return "other bytes";
    if (m_->has(kMPkthdr) != header_) return "header lost or found";
    for (size_t i = 0; i < holders_.size(); ++i) {
      if (ChainBytes(*holders_[i]) != held_[i]) return "shared bytes changed";
    }
    return "";
  }

 private:
  bool Prepend(std::string& what) {
    what = "prepend";
    const size_t len = 1 + random_.Below(60);
    m_ = m_prepend(std::move(m_), len, MWait::kDontWait);
    const Bytes front = PatternBytes(len, 99);
    std::copy(front.begin(), front.end(), m_->data);
    bytes_.insert(bytes_.begin(), front.begin(), front.end());
    return true;
  }

  bool Pullup(size_t len, std::string& what) {
    what = "pullup";
    m_ = m_pullup(std::move(m_), len);
    if (!m_) return false;
    EXPECT_GE(m_->len, len);
    return true;
  }

  bool Copym(size_t off, std::string& what) {
    what = "copym";
    const size_t len = random_.Below(bytes_.size() - off + 1);
    if (len == 0) return true;
    MbufPtr copy = m_copym(*m_, off, len, MWait::kDontWait);
    EXPECT_EQ(ChainBytes(*copy), Slice(bytes_, off, len));
    EXPECT_EQ(ChainFaults(*copy), "");
    EXPECT_EQ(copy->has(kMPkthdr), header_ && off == 0);
    held_.push_back(ChainBytes(*copy));
    holders_.push_back(std::move(copy));
    return true;
  }

  bool Copyback(size_t off, std::string& what) {
    what = "copyback";
    const size_t n = 1 + random_.Below(400);
    m_ = m_makewritable(std::move(m_), off, n);
    const Bytes in = PatternBytes(n, 17);
    EXPECT_EQ(m_copyback(*m_, off, in.data(), n, MWait::kDontWait), kOk);
    bytes_.resize(std::max(bytes_.size(), off + n));
    std::copy(in.begin(), in.end(),
              bytes_.begin() + static_cast<ptrdiff_t>(off));
    return true;
  }

  bool Split(size_t at, std::string& what) {
    what = "split";
    MbufPtr tail = m_split(*m_, at, MWait::kDontWait);
    if (!tail) {
      EXPECT_FALSE(header_);
      return true;
    }
    EXPECT_EQ(ChainBytes(*tail), Slice(bytes_, at, bytes_.size() - at));
    EXPECT_EQ(ChainFaults(*tail), "");
    EXPECT_EQ(tail->has(kMPkthdr), header_);
    if (random_.Chance(500000)) {
      bytes_.resize(at);
      return true;
    }
    m_cat(*m_, std::move(tail));
    if (header_) m_->pkthdr.len = static_cast<uint32_t>(bytes_.size());
    return true;
  }

  bool Makewritable(size_t off, std::string& what) {
    what = "makewritable";
    const size_t len = random_.Below(bytes_.size() - off + 1);
    m_ = m_makewritable(std::move(m_), off, len);
    // Every byte of the range may now be stored to.
    size_t at = 0;
    for (Mbuf* p = m_.get(); p != nullptr; p = p->next) {
      for (size_t i = 0; i < p->len; ++i, ++at) {
        if (at < off || at >= off + len) continue;
        EXPECT_FALSE(m_readonly(*p));
        p->data[i] = bytes_[at] = std::byte{0x5a};
      }
    }
    return true;
  }

  MbufPool& pool_;
  RandomStream& random_;
  bool header_ = false;
  MbufPtr m_;
  Bytes bytes_;
  std::vector<MbufPtr> holders_;
  std::vector<Bytes> held_;
};

TEST(MbufModel, ChainsHoldWhatTheOperationsSay) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{64} << 20);
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(seed, "mbuf model");
    {
      Model model(pool, random);
      for (int i = 0; i < 12; ++i) {
        std::string what = "nothing";
        if (!model.Step(what)) break;
        ASSERT_EQ(model.Faults(), "") << "after " << what;
      }
    }
    ASSERT_EQ(pool.stats().mbufs_in_use, 0u);
    ASSERT_EQ(pool.stats().clusters_in_use, 0u);
  }
}

TEST(MbufModel, NoShortageLosesMemoryOrBreaksAChain) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{64} << 20);
  const std::vector<Piece> pieces = {
      {20}, {1000, Place::kShared}, {200}, {0}, {1500, Place::kCluster}};
  const Bytes bytes = PatternBytes(2720);
  using Operation = void (*)(MbufPtr m);
  const Operation operations[] = {
      [](MbufPtr m) { m = m_prepend(std::move(m), 100, MWait::kDontWait); },
      [](MbufPtr m) { m = m_pullup(std::move(m), 1800); },
      [](MbufPtr m) { m_copym(*m, 0, 2000, MWait::kDontWait); },
      [](MbufPtr m) { m_dup_pkt(*m, 10, MWait::kDontWait); },
      [](MbufPtr m) { m_split(*m, 1040, MWait::kDontWait); },
      [](MbufPtr m) { m = m_makewritable(std::move(m), 0, 2720); },
      [](MbufPtr m) {
        static_cast<void>(m_defrag(*m, MWait::kDontWait));
        EXPECT_EQ(ChainBytes(*m), PatternBytes(2720));
      },
      [](MbufPtr m) {
        const Bytes in = PatternBytes(9000);
        static_cast<void>(
            m_copyback(*m, 2720, in.data(), in.size(), MWait::kDontWait));
        EXPECT_EQ(ChainFaults(*m), "");
      },
  };
  for (const Operation operation : operations) {
    for (uint64_t nth = 1; nth <= 6; ++nth) {
      {
        std::vector<MbufPtr> holders;
        MbufPtr m = MakeChain(pool, pieces, bytes, true, &holders);
        pool.FailNth(nth);
        operation(std::move(m));
        pool.FailNth(0);
      }
      ASSERT_EQ(pool.stats().mbufs_in_use, 0u);
      ASSERT_EQ(pool.stats().clusters_in_use, 0u);
    }
  }
}

}  // namespace
}  // namespace splnet
