// Stub for the tests: the names and types of Core Graphics that the README of an export uses.
import Foundation

public typealias CFData = NSData
public struct CGColorSpace { let components: Int }
public func CGColorSpaceCreateDeviceRGB() -> CGColorSpace { CGColorSpace(components: 3) }
public func CGColorSpaceCreateDeviceGray() -> CGColorSpace { CGColorSpace(components: 1) }
public enum CGColorRenderingIntent: Int32 { case defaultIntent }
public enum CGImageAlphaInfo: UInt32 { case none }

public struct CGBitmapInfo: OptionSet {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
}

public final class CGDataProvider {
  let data: CFData
  public init?(data: CFData) { self.data = data }
}

public final class CGImage: Sendable {
  public let pixels: [UInt8]

  public init?(
    width: Int, height: Int, bitsPerComponent: Int, bitsPerPixel: Int, bytesPerRow: Int, space: CGColorSpace,
    bitmapInfo: CGBitmapInfo, provider: CGDataProvider, decode: UnsafePointer<CGFloat>?, shouldInterpolate: Bool,
    intent: CGColorRenderingIntent
  ) {
    pixels = [UInt8](Data(referencing: provider.data))
    let pixelBytes = space.components * bitsPerComponent / 8
    guard bitsPerPixel == 8 * pixelBytes, bytesPerRow == width * pixelBytes, pixels.count == height * bytesPerRow else {
      return nil
    }
  }
}
