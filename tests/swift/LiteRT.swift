// Stub for the tests: the names and types of the Swift package LiteRT that the README of an export uses.
import Foundation

public enum LiteRtError: Error { case invalidArgument, runtimeFailure }

public final class Environment {
  public enum Option { case minLoggerSeverity(Int64) }
  public init(options: [Option] = []) throws {}
}

public final class Options {
  public init() throws {}
}

public final class TensorBuffer {
  fileprivate var bytes: [UInt8]
  fileprivate init(size: Int) { bytes = [UInt8](repeating: 0, count: size) }

  public func write<T>(_ data: [T]) throws {
    let source = data.withUnsafeBytes { [UInt8]($0) }
    guard source.count <= bytes.count else { throw LiteRtError.invalidArgument }
    bytes.replaceSubrange(0..<source.count, with: source)
  }

  public func read<T>() throws -> [T] { bytes.withUnsafeBytes { Array($0.bindMemory(to: T.self)) } }
}

/// A model of made-up shapes, which environment variables give: the indices of the signatures, the dimension of z, the
/// number of outputs, and whether there are labels and uint8 outputs. It draws a ramp of levels from -20 to 279, which
/// begins at the seed, or at 100 times the sum of z, plus 10 times the label. Its buffers are longer than the tensors.
public final class CompiledModel {
  private let labels = number("STUB_LABELS") == 1, uint8 = number("STUB_UINT8") == 1
  private let count = number("STUB_COUNT"), latentDim = number("STUB_LATENT_DIM")
  private let sample = number("STUB_SAMPLE"), generate = number("STUB_GENERATE")

  public init(filePath: String, environment: Environment, options: Options? = nil) throws {
    guard FileManager.default.fileExists(atPath: filePath) else { throw LiteRtError.runtimeFailure }
  }

  public func createInputBuffers(signatureIndex: Int = 0) throws -> [TensorBuffer] {
    guard [sample, generate].contains(signatureIndex) else { throw LiteRtError.invalidArgument }
    let first = TensorBuffer(size: 4 * (signatureIndex == sample ? 1 : latentDim))
    return labels ? [first, TensorBuffer(size: 4)] : [first]
  }

  public func createOutputBuffers(signatureIndex: Int = 0) throws -> [TensorBuffer] {
    [TensorBuffer(size: (uint8 ? 1 : 4) * count + 64)]
  }

  public func run(
    inputs: [TensorBuffer], outputs: [TensorBuffer], options: Options? = nil, signatureIndex: Int = 0
  ) throws {
    guard inputs.count == (labels ? 2 : 1), outputs.count == 1 else { throw LiteRtError.invalidArgument }
    let seeds: [Int32] = try inputs[0].read()
    let z: [Float] = try inputs[0].read()
    var start = signatureIndex == sample ? Int(seeds[0]) : Int((100 * z.reduce(0, +)).rounded())
    if labels {
      let label: [Int32] = try inputs[1].read()
      start += 10 * Int(label[0])
    }
    let levels = (0..<count).map { ($0 + start) % 300 - 20 }
    if uint8 {
      try outputs[0].write(levels.map { UInt8(min(max($0, 0), 255)) })
    } else {
      try outputs[0].write(levels.map { Float($0) / 127.5 - 1 })
    }
  }
}

private func number(_ name: String) -> Int { Int(ProcessInfo.processInfo.environment[name]!)! }
